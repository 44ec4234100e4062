import type { Database, Row } from '../../clients/postgres/connection.js';
import { createTable } from '../../clients/postgres/table.js';
import { toKey } from '../../clients/postgres/text.js';
import type { PostgresDeadLetterStore } from '../../dead-letters/postgres/postgres-dead-letter-store.js';
import type { SqlClient } from '../../sql-client.js';
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
import { Insertion } from './insertion.js';
import type { Notifications } from '../../clients/postgres/notifications.js';
import { OpenedDeadLetters } from './opened-dead-letters.js';
import { channelOf, queueTable, tablesOf } from './schema.js';
import { queueStatements } from './statements.js';

/** Where the tables are, and how long things last. */
export interface PostgresQueueSettings {
  readonly schema: string;
  readonly namespace: string;
  readonly leaseMs: number;
  readonly deduplicationMs: number;
}

/** The tables of one namespace in a PostgreSQL database. */
export class PostgresQueueTable implements QueueTable {
  readonly deadLetters: OpenedDeadLetters;
  opened: () => Promise<void> = () => Promise.resolve();
  readonly #sql: ReturnType<typeof queueStatements>;
  readonly #channel: string;
  readonly #insertion: Insertion;
  #service: QueueService = { group: '', onKeyFailure: 'block-key' };
  /** Delayed events of some key are due, as the last claim saw. */
  #dueForLine = false;

  constructor(
    private readonly db: Database,
    private readonly store: PostgresDeadLetterStore,
    private readonly notifications: Notifications,
    private readonly settings: PostgresQueueSettings,
  ) {
    const { schema, namespace, deduplicationMs } = settings;
    this.#sql = queueStatements(tablesOf(schema, namespace));
    this.#channel = channelOf(schema, namespace);
    const group = () => toKey(this.#service.group);
    this.deadLetters = new OpenedDeadLetters(store, () => this.opened());
    this.#insertion = new Insertion(db, this.#sql, this.#channel, deduplicationMs, group);
  }

  async open(service: QueueService): Promise<void> {
    this.#service = service;
    const { schema, namespace } = this.settings;
    const { name, statements, newest } = queueTable(schema, namespace);
    await createTable(this.db, name, statements, newest);
    await this.store.open(service.group);
  }

  async close(): Promise<void> {
    await this.notifications.stop();
    await this.store.close();
    await this.db.close();
  }

  async register(): Promise<void> {
    await this.db.query(this.#sql.register, [toKey(this.#service.group)]);
    this.#insertion.hasGroups = true;
  }

  watch(changed: () => void): void {
    this.notifications.start(this.#channel, changed);
  }

  publish(events: readonly NewEvent[]): Promise<(Error | PublishReceipt | void)[]> {
    return this.#insertion.publish(events);
  }

  publishIn(client: SqlClient, events: readonly NewEvent[]): Promise<(PublishReceipt | undefined)[]> {
    return this.#insertion.publishIn(client, events);
  }

  redeliver(event: NewEvent, facts: RowFacts): Promise<void> {
    return this.#insertion.redeliver(event, facts);
  }

  async cancel(eventId: string): Promise<boolean> {
    const [row] = await this.db.query(this.#sql.cancel, [toKey(eventId)]);
    return Number(row!['count']) > 0;
  }

  async claim(owner: string, most: number, { from, allowed }: Suspects): Promise<ClaimedRows> {
    const group = toKey(this.#service.group);
    // Before anything is claimed, which would be nobody's if this failed.
    if (this.#dueForLine) await this.#putInLine(group);
    const rows = await this.db.queryInOrder(this.#sql.claim, [
      group,
      owner,
      this.settings.leaseMs,
      most,
      from,
      allowed,
    ]);
    const { next_ms: next, for_line: forLine } = rows[0]!;
    this.#dueForLine = forLine === true;
    return {
      rows: rows.filter(({ id }) => id !== null).map(claimedOf),
      nextDueMs: this.#dueForLine ? 0 : next === null ? undefined : Math.max(0, Math.ceil(Number(next))),
    };
  }

  async settle(owner: string, outcomes: readonly RowOutcome[]): Promise<number> {
    // Written first: an entry that is there twice is one entry, and one that is missing would be lost.
    await this.deadLetters.add(outcomes.flatMap(({ deadLetters }) => deadLetters));
    for (const id of outcomes.flatMap(({ resolved }) => resolved)) {
      await this.deadLetters.transition(id, 'retrying', 'resolved');
    }
    const ids = outcomes.map(({ id }) => id);
    const again = outcomes.filter(({ retries }) => retries.length > 0);
    if (again.length === 0 && outcomes.every(({ key }) => key === undefined)) {
      const gone = await this.db.query(this.#sql.remove, [owner, ids]);
      return ids.length - gone.length;
    }
    return this.db.transaction((client) => this.#settleIn(client, owner, outcomes));
  }

  async renew(owner: string, ids: readonly number[]): Promise<readonly number[]> {
    const kept = await this.db.query(this.#sql.renew, [owner, ids, this.settings.leaseMs]);
    const mine = new Set(kept.map(({ id }) => Number(id)));
    return ids.filter((id) => !mine.has(id));
  }

  async release(owner: string, ids: readonly number[]): Promise<void> {
    await this.db.query(this.#sql.release, [owner, ids, this.#channel]);
  }

  async check(): Promise<void> {
    await this.db.query('SELECT 1');
  }

  async counts(): Promise<RowCounts> {
    const [row] = await this.db.query(this.#sql.counts, [toKey(this.#service.group)]);
    const { queued, blocked, claimed, scheduled, delayed, oldest } = row!;
    return {
      queued: Number(queued),
      blocked: Number(blocked),
      claimed: Number(claimed),
      scheduled: Number(scheduled),
      delayed: Number(delayed),
      deadLetters: await this.deadLetters.size(),
      oldestMs: Math.max(0, Math.round(Number(oldest))),
    };
  }

  /** Delayed events whose time has come get in line behind whatever of their key is there. */
  async #putInLine(group: string): Promise<void> {
    const due = await this.db.query(this.#sql.dueForLine, [group]);
    if (due.length === 0) return;
    await this.db.transaction(async (client) => {
      await client.query(this.#sql.lockKeys, [due.map(({ key }) => key)]);
      for (const { id, key } of due) await client.query(this.#sql.intoLine, [group, key, id]);
    });
  }

  async #settleIn(client: SqlClient, owner: string, outcomes: readonly RowOutcome[]): Promise<number> {
    const keys = outcomes.flatMap(({ key }) => key ?? []);
    if (keys.length > 0) await client.query(this.#sql.lockKeys, [keys]);
    const ids = outcomes.map(({ id }) => id);
    const held = (await client.query(this.#sql.hold, [owner, ids])).rows as readonly Row[];
    const mine = new Set(held.map(({ id }) => Number(id)));
    const staysInLine = this.#service.onKeyFailure === 'block-key';
    for (const { id, retries } of outcomes) {
      if (!mine.has(id)) continue;
      for (const { delayMs, facts } of retries) {
        await client.query(this.#sql.retry, [id, delayMs, JSON.stringify(facts), staysInLine]);
      }
    }
    // Others may be free to take what this process could not finish.
    const now = outcomes.some(({ retries }) => retries.some(({ delayMs }) => delayMs <= 0));
    if (now) await client.query('SELECT pg_notify($1, $2)::text', [this.#channel, '']);
    await client.query(this.#sql.remove, [owner, [...mine]]);
    if (keys.length > 0)
      await client.query(this.#sql.advance, [toKey(this.#service.group), [...new Set(keys)]]);
    return ids.length - mine.size;
  }
}

function claimedOf({ id, key, event, facts, taken }: Row) {
  return {
    id: Number(id),
    key: key === null ? undefined : (key as string),
    wire: event as string,
    facts: facts === null ? undefined : (JSON.parse(facts as string) as RowFacts),
    taken: Number(taken),
  };
}
