import type { PublishReceipt } from '../backend.js';
import type {
  ClaimedRows,
  NewEvent,
  QueueService,
  QueueTable,
  RowCounts,
  RowFacts,
  RowOutcome,
  Suspects,
} from '../queue-table/queue-table.js';
import type { Database } from './database.js';
import { Insertion } from './insertion.js';
import { Readiness } from './readiness.js';
import {
  BLOCKED,
  READY,
  type RowKey,
  schemaOf,
  type Tables,
  tablesOf,
  upgradeOf,
  WAITING,
} from './schema.js';
import { Settlement } from './settlement.js';
import { SqliteDeadLetters } from './sqlite-dead-letters.js';

interface ClaimedColumns extends RowKey {
  readonly event: string;
  readonly facts: string | null;
  readonly taken: number;
  readonly priority: number;
  /** Absent: it turned out to be a suspect, and was given back. */
  readonly owner: string | null;
}

const DUPLICATE: PublishReceipt = Object.freeze({ duplicate: true });

/** The tables of one namespace in a SQLite file, which all processes of the machine may share. */
export class SqliteQueueTable implements QueueTable {
  readonly deadLetters: SqliteDeadLetters;
  /** Opens the table on first use; set by who knows the service. */
  opened: () => Promise<void> = () => Promise.resolve();
  readonly #tables: Tables;
  readonly #claim: string;
  readonly #insertion: Insertion;
  readonly #readiness: Readiness;
  readonly #settlement: Settlement;
  #service: QueueService = { group: '', onKeyFailure: 'block-key' };

  constructor(
    private readonly database: Database,
    private readonly namespace: string,
    private readonly leaseMs: number,
    deduplicationMs: number,
  ) {
    this.#tables = tablesOf(namespace);
    this.#claim = claimOf(this.#tables);
    const group = () => this.#service.group;
    this.#insertion = new Insertion(database, this.#tables, deduplicationMs, group);
    this.#readiness = new Readiness(database, this.#tables, group);
    const requeue = (wire: string, id: string, facts: RowFacts) => this.#insertion.enqueue(wire, id, facts);
    this.deadLetters = new SqliteDeadLetters(
      database,
      this.#tables.dead,
      group,
      () => this.opened(),
      requeue,
    );
    const staysInLine = () => this.#service.onKeyFailure === 'block-key';
    this.#settlement = new Settlement(
      database,
      this.#tables.deliveries,
      this.#readiness,
      this.deadLetters,
      staysInLine,
    );
  }

  async open(service: QueueService): Promise<void> {
    this.#service = service;
    await this.database.open();
    await this.database.transaction(() => this.#makeTables());
  }

  async close(): Promise<void> {
    this.database.close();
  }

  async register(): Promise<void> {
    await this.database.transaction(() => this.#register());
  }

  publish(events: readonly NewEvent[]): Promise<(Error | PublishReceipt | void)[]> {
    const { database } = this;
    const { groups } = this.#tables;
    return database.transaction(() => {
      if (database.get(`SELECT 1 FROM ${groups} LIMIT 1`) === undefined) this.#register();
      const now = Date.now();
      const results = events.map((event) => (this.#insertion.isKnown(event, now) ? DUPLICATE : undefined));
      const fresh = events.filter((_, i) => results[i] === undefined);
      this.#insertion.insertUnordered(
        fresh.filter(({ key, delayMs }) => key === undefined || delayMs > 0),
        now,
      );
      for (const event of fresh)
        if (event.key !== undefined && event.delayMs <= 0) this.#insertion.insertInLine(event, now);
      return results;
    });
  }

  async redeliver(event: NewEvent, facts: RowFacts): Promise<void> {
    await this.database.transaction(() => this.#insertion.enqueue(event.wire, event.id, facts));
  }

  cancel(eventId: string): Promise<boolean> {
    const { deliveries, seen } = this.#tables;
    return this.database.transaction(() => {
      const cancelled = this.database.run(
        `DELETE FROM ${deliveries} WHERE event_id = ? AND delayed = 1 AND ready_at > ?`,
        eventId,
        Date.now(),
      );
      // It was never delivered, so its id may be used again.
      if (cancelled > 0) this.database.run(`DELETE FROM ${seen} WHERE id = ?`, eventId);
      return cancelled > 0;
    });
  }

  async claim(owner: string, most: number, { from, allowed }: Suspects): Promise<ClaimedRows> {
    const { database, leaseMs } = this;
    const { group } = this.#service;
    // Reading holds up nobody; writing does, so it is only done when there is something to take.
    if (!this.#readiness.isWorkDue(Date.now())) return { rows: [], nextDueMs: this.#readiness.nextDueMs() };
    const rows = await database.transaction(() => {
      const now = Date.now();
      this.#readiness.makeReady(now);
      const owned = [from - 1, owner, from - 1, now + leaseMs];
      return database.all<ClaimedColumns>(
        this.#claim,
        ...owned,
        group,
        from,
        now,
        most,
        group,
        from,
        now,
        +allowed,
      );
    });
    const mine = rows.filter((row) => row.owner !== null);
    // The order of RETURNING is not that of the choice.
    mine.sort((a, b) => b.priority - a.priority || a.id - b.id);
    return {
      rows: mine.map(({ id, key, event, facts, taken }) => ({
        id,
        key: key ?? undefined,
        wire: event,
        facts: facts === null ? undefined : (JSON.parse(facts) as RowFacts),
        taken,
      })),
      nextDueMs: mine.length < rows.length ? 0 : this.#readiness.nextDueMs(),
    };
  }

  settle(owner: string, outcomes: readonly RowOutcome[]): Promise<number> {
    return this.database.transaction(() => this.#settlement.settle(owner, outcomes));
  }

  async renew(owner: string, ids: readonly number[]): Promise<readonly number[]> {
    const kept = await this.database.transaction(() =>
      this.database.all<{ id: number }>(
        `UPDATE ${this.#tables.deliveries} SET leased_until = ?
         WHERE owner = ? AND id IN (SELECT value FROM json_each(?)) RETURNING id`,
        Date.now() + this.leaseMs,
        owner,
        JSON.stringify(ids),
      ),
    );
    const mine = new Set(kept.map(({ id }) => id));
    return ids.filter((id) => !mine.has(id));
  }

  async release(owner: string, ids: readonly number[]): Promise<void> {
    await this.database.transaction(() =>
      this.database.run(
        `UPDATE ${this.#tables.deliveries} SET owner = NULL, leased_until = NULL
         WHERE owner = ? AND id IN (SELECT value FROM json_each(?))`,
        owner,
        JSON.stringify(ids),
      ),
    );
  }

  check(): Promise<void> {
    return this.database.transaction(() => undefined);
  }

  async counts(): Promise<RowCounts> {
    const now = Date.now();
    const { deliveries } = this.#tables;
    const rows = this.database.get<Omit<RowCounts, 'deadLetters' | 'oldestMs'> & { oldest: number | null }>(
      `WITH d AS (
         SELECT state, ready_at, delayed, ready_at > ? AS later, coalesce(leased_until, 0) > ? AS held FROM ${deliveries} WHERE grp = ?
       )
       SELECT count(*) FILTER (WHERE NOT held AND (state = ${READY} OR (state = ${WAITING} AND NOT later))) AS queued,
         count(*) FILTER (WHERE state = ${BLOCKED}) AS blocked,
         count(*) FILTER (WHERE held) AS claimed,
         count(*) FILTER (WHERE state = ${WAITING} AND later AND delayed = 0) AS scheduled,
         count(*) FILTER (WHERE state = ${WAITING} AND later AND delayed = 1) AS delayed,
         min(ready_at) FILTER (WHERE NOT held AND state = ${READY}) AS oldest
       FROM d`,
      now,
      now,
      this.#service.group,
    )!;
    const { oldest, ...counts } = rows;
    const deadLetters = await this.deadLetters.size();
    return { ...counts, deadLetters, oldestMs: oldest === null ? 0 : Math.max(0, now - oldest) };
  }

  #makeTables(): void {
    const { database, namespace } = this;
    database.exec(schemaOf(namespace));
    const { isNeeded, upgrade } = upgradeOf(namespace);
    if (database.get(isNeeded) !== undefined) database.exec(upgrade);
  }

  #register(): void {
    this.database.run(`INSERT OR IGNORE INTO ${this.#tables.groups} (name) VALUES (?)`, this.#service.group);
  }
}

/**
 * Claims what is ready. What a process held that fell silent is counted as taken once more; one that becomes a suspect by
 * that is not claimed but given back, for a claim that looks for suspects. Values: suspects from less one, owner, suspects
 * from less one, end of the lease; of those that are no suspects: group, suspects from, now, most; of suspects the same.
 */
function claimOf({ deliveries }: Tables): string {
  const free = (taken: string) =>
    `SELECT id FROM ${deliveries} WHERE grp = ? AND state = ${READY} AND ${taken} AND coalesce(leased_until, 0) <= ?
     ORDER BY priority DESC, id LIMIT ?`;
  return `UPDATE ${deliveries} SET
      owner = iif(owner IS NULL OR taken <> ?, ?, NULL),
      leased_until = iif(owner IS NULL OR taken <> ?, ?, NULL),
      taken = taken + (owner IS NOT NULL)
    WHERE id IN (SELECT * FROM (${free('taken < ?')})) OR id IN (SELECT * FROM (${free('taken > 0 AND taken >= ?')}))
    RETURNING id, key, event, facts, taken + 1 AS taken, priority, owner`;
}
