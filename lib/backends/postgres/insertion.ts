import type { Database, Row } from '../../clients/postgres/connection.js';
import { toKey } from '../../clients/postgres/text.js';
import type { SqlClient } from '../../sql-client.js';
import type { PublishReceipt } from '../backend.js';
import type { NewEvent, RowFacts } from '../queue-table/queue-table.js';
import type { queueStatements } from './statements.js';

const DUPLICATE: PublishReceipt = Object.freeze({ duplicate: true });

/** Puts events into the table: for every group, once per id, and in line where they have a key. */
export class Insertion {
  /** Somebody has registered: no publish has to look again. */
  hasGroups = false;

  /** @param group Whose events are kept while no group consumes, and whom deliveries are for that are made again. */
  constructor(
    private readonly db: Database,
    private readonly sql: ReturnType<typeof queueStatements>,
    private readonly channel: string,
    private readonly deduplicationMs: number,
    private readonly group: () => string,
  ) {}

  async publish(events: readonly NewEvent[]): Promise<(Error | PublishReceipt | void)[]> {
    const plain = events.every(
      ({ key, delayMs, deduplicate }) => (key === undefined || delayMs > 0) && !deduplicate,
    );
    if (!plain) return this.db.transaction((client) => this.publishIn(client, events));
    await this.#ensureGroup(this.db);
    await this.db.query(this.sql.insert, this.#columns(events));
    return events.map(() => undefined);
  }

  /** Publishes as part of a transaction: what is rolled back was never published. */
  async publishIn(client: SqlClient, events: readonly NewEvent[]): Promise<(PublishReceipt | undefined)[]> {
    await this.#ensureGroup(client);
    const known = await this.#known(client, events);
    const fresh = events.filter((event) => !known.has(event));
    const inLine = fresh.filter(({ key, delayMs }) => key !== undefined && delayMs <= 0);
    const others = fresh.filter((event) => !inLine.includes(event));
    if (others.length > 0) await client.query(this.sql.insert, this.#columns(others));
    if (inLine.length > 0) {
      const [ids, keys, , priorities, wires, channel] = this.#columns(inLine);
      await client.query(this.sql.lockKeys, [keys]);
      await client.query(this.sql.insertInLine, [ids, keys, priorities, wires, channel]);
    }
    return events.map((event) => (known.has(event) ? DUPLICATE : undefined));
  }

  async redeliver({ id, wire }: NewEvent, facts: RowFacts): Promise<void> {
    const values = [this.group(), toKey(id), JSON.stringify(facts), wire, this.channel];
    await this.db.query(this.sql.enqueue, values);
  }

  /** Unless somebody consumes already, what is published is kept for the group that publishes it. */
  async #ensureGroup(client: Pick<SqlClient, 'query'> | Database): Promise<void> {
    if (this.hasGroups) return;
    await client.query(this.sql.registerFirst, [this.group()]);
    // In somebody's transaction it may still be rolled back.
    this.hasGroups = client === this.db;
  }

  /** Those of the events that were published before. */
  async #known(client: SqlClient, events: readonly NewEvent[]): Promise<ReadonlySet<NewEvent>> {
    const marked = this.deduplicationMs > 0 ? events.filter(({ deduplicate }) => deduplicate) : [];
    if (marked.length === 0) return new Set();
    await client.query(this.sql.forget);
    const sources = marked.map(({ source }) => toKey(source));
    const ids = marked.map(({ id }) => toKey(id));
    const { rows } = await client.query(this.sql.mark, [sources, ids, this.deduplicationMs]);
    const fresh = new Set((rows as readonly Row[]).map(({ place }) => Number(place)));
    return new Set(marked.filter((_, i) => !fresh.has(i + 1)));
  }

  /** Ids, keys, delays, priorities, events, channel. */
  #columns(events: readonly NewEvent[]) {
    return [
      events.map(({ id }) => toKey(id)),
      events.map(({ key }) => (key === undefined ? null : toKey(key))),
      events.map(({ delayMs }) => delayMs),
      events.map(({ priority }) => priority),
      events.map(({ wire }) => wire),
      this.channel,
    ] as const;
  }
}
