import { createHash } from 'node:crypto';
import { checkTimeout } from '../../clients/options.js';
import type { Database, PostgresConnectionOption } from '../../clients/postgres/connection.js';
import { listenOn, Notifications } from '../../clients/postgres/notifications.js';
import { openDatabase } from '../../clients/postgres/open-database.js';
import { createTable, namedTable, type TableName } from '../../clients/postgres/table.js';
import { toText } from '../../clients/postgres/text.js';
import type { Event } from '../../event.js';
import type { SqlClient } from '../../sql-client.js';
import type { EventCriteria, LoadOptions } from '../criteria.js';
import { type AppendOptions, type AppendResult, EventStore } from '../event-store.js';
import { checkAppend } from '../expected-version.js';
import type { Publication, StoredEvent } from '../stored-event.js';
import { type AppendCall, Appends } from './appends.js';
import { conditionOf } from './conditions.js';
import { POSITION } from './position.js';
import { PostgresCheckpoints } from './postgres-checkpoints.js';
import { PostgresSnapshots } from './postgres-snapshots.js';
import { EVENT, fromRow, toRow } from './row.js';
import { DEFAULT_TABLE, eventStoreTables, type StoreTables, storeTablesOf } from './schema.js';
import { toIndexed } from './storable.js';
import { eventStoreStatements } from './statements.js';

/** Options of {@link PostgresEventStore}. */
export interface PostgresEventStoreOptions {
  /** A URL, settings of a pool, a `Pool` of `pg`, or anything that runs SQL. Only what the store opened is closed by it. */
  connection: PostgresConnectionOption;
  /** Schema of the tables; made if it is missing. Default `public`. */
  schema?: string;
  /** Name of the table of events, with which those of the others begin. Default `event_store`. */
  table?: string;
  /**
   * Tell other processes of every append, so that their subscriptions need not wait for their next look. Costs each
   * append a NOTIFY, which makes commits in the database wait for each other, and each process that subscribes a
   * connection. Default `false`: subscriptions in this process are told all the same.
   */
  notify?: boolean;
  /** Milliseconds until a call that PostgreSQL does not answer rejects. Default 10,000. */
  timeoutMs?: number;
}

const USER = 'PostgresEventStore';

/**
 * Keeps events in tables of PostgreSQL 13 or later. Needs the package `pg`, unless it is given something that runs SQL.
 *
 * @example
 * const store = new PostgresEventStore({ connection: process.env.DATABASE_URL });
 * await store.open();
 * await store.append(createEvent('order.placed', { total: 12 }), { streamId: 'order-1', expectedVersion: 'no-stream' });
 */
export class PostgresEventStore extends EventStore {
  readonly name = 'postgres';
  readonly checkpoints: PostgresCheckpoints;
  readonly snapshots: PostgresSnapshots;
  readonly #db: Database;
  readonly #name: TableName;
  readonly #tables: StoreTables;
  readonly #sql: ReturnType<typeof eventStoreStatements>;
  readonly #appends: Appends;
  readonly #listeners = new Set<() => void>();
  readonly #channel: string;
  readonly #notifications: Notifications;
  #listening = false;

  /** @throws {EventConfigurationError} for an option that cannot work. Connects on first use, not here. */
  constructor(options: PostgresEventStoreOptions) {
    super();
    const { connection, notify = false, timeoutMs = 10_000 } = options;
    this.#name = namedTable(options, DEFAULT_TABLE, USER);
    this.#tables = storeTablesOf(this.#name);
    this.#sql = eventStoreStatements(this.#tables);
    this.#db = openDatabase(connection, checkTimeout('timeoutMs', timeoutMs, USER), USER);
    this.#channel = channelOf(this.#tables.events);
    this.#appends = new Appends(this.#db, this.#sql, notify ? this.#channel : null);
    this.#notifications = new Notifications(notify ? listenOn(connection) : undefined);
    this.checkpoints = new PostgresCheckpoints(this.#db, this.#tables.checkpoints);
    this.snapshots = new PostgresSnapshots(this.#db, this.#tables.snapshots);
  }

  /** Makes the tables if they are missing. */
  override async open(): Promise<void> {
    await createTable(this.#db, this.#name, eventStoreTables(this.#name));
    await this.#appends.raiseBase();
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#appends.flushed();
    await this.#notifications.stop();
    await this.#db.close();
  }

  /**
   * As every store. An event without a `transaction` may share its statement with others that are appended at the same
   * time. In a transaction, a conflict leaves that usable.
   *
   * @throws {EventTimeoutError} when PostgreSQL does not answer in time; then it may have been appended.
   */
  async appendBatch(events: readonly Event[], options: AppendOptions = {}): Promise<AppendResult[]> {
    checkAppend(options);
    if (events.length === 0) return [];
    const { streamId, expectedVersion = 'any', transaction, publication } = options;
    const call: AppendCall = {
      rows: events.map(toRow),
      streamId: streamId === undefined ? undefined : toIndexed('stream id', streamId, events[0]!.type),
      expectedVersion,
      publication,
    };
    if (transaction !== undefined) return this.#appends.appendIn(transaction, call);
    const results = await this.#appends.append(call);
    for (const listener of this.#listeners) listener();
    return results;
  }

  async page(options: LoadOptions & { readonly limit: number }): Promise<StoredEvent[]> {
    const { sql, values } = conditionOf(options);
    const direction = options.direction === 'backward' ? 'DESC' : 'ASC';
    const rows = await this.#db.query(
      `SELECT ${EVENT} FROM ${this.#tables.events} AS row WHERE ${this.#sql.visible} AND ${sql}
ORDER BY transaction_id ${direction}, row.position ${direction} LIMIT $${values.length + 1}::bigint`,
      [...values, options.limit],
    );
    return rows.map(fromRow);
  }

  async streamPage(streamId: string, fromVersion: number, limit: number): Promise<StoredEvent[]> {
    const rows = await this.#db.query(
      `SELECT ${EVENT} FROM ${this.#tables.events} AS row
WHERE stream_id = $1 AND row.stream_version >= $2::bigint ORDER BY row.stream_version LIMIT $3::bigint`,
      [toText(streamId), fromVersion, limit],
    );
    return rows.map(fromRow);
  }

  async count(criteria: EventCriteria = {}): Promise<number> {
    const { sql, values } = conditionOf(criteria);
    const [row] = await this.#db.query(
      `SELECT count(*)::float8 AS count FROM ${this.#tables.events} WHERE ${this.#sql.visible} AND ${sql}`,
      values,
    );
    return Number(row!['count']);
  }

  async head(): Promise<string | undefined> {
    const [row] = await this.#db.query(
      `SELECT ${POSITION} AS place FROM ${this.#tables.events} AS row WHERE ${this.#sql.visible}
ORDER BY transaction_id DESC, row.position DESC LIMIT 1`,
    );
    return row?.['place'] as string | undefined;
  }

  async settle(ids: readonly string[], publication: Publication, error?: string): Promise<void> {
    if (ids.length === 0) return;
    const reason = error === undefined ? null : toText(error);
    await this.#db.query(this.#sql.settle, [ids.map(toText), publication, reason]);
  }

  /**
   * Runs work in a transaction. Pass what it is given on as `transaction`. Rejects where the connection has no
   * transactions; see {@link SqlDatabase}.
   */
  override transaction<T>(work: (client: SqlClient) => Promise<T>): Promise<T> {
    return this.#db.transaction(work);
  }

  override onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (!this.#listening) {
      this.#listening = true;
      this.#notifications.start(this.#channel, () => this.#listeners.forEach((each) => each()));
    }
    return () => this.#listeners.delete(listener);
  }
}

/** Names of channels are cut off after 63 bytes. */
function channelOf(table: string): string {
  return `event_store_${createHash('sha256').update(table).digest('hex').slice(0, 32)}`;
}
