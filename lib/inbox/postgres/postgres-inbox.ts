import { checkTimeout, ServiceName } from '../../clients/options.js';
import type { Database, PostgresConnectionOption } from '../../clients/postgres/connection.js';
import { openDatabase } from '../../clients/postgres/open-database.js';
import { createTable, namedTable, qualified, type TableName } from '../../clients/postgres/table.js';
import { toKey, toText } from '../../clients/postgres/text.js';
import { InboxClaimLostError } from '../../errors.js';
import type { InboxClaim, InboxKey, InboxStore, InboxTransactions } from '../inbox-store.js';
import type { SqlClient } from '../../sql-client.js';
import { DEFAULT_TABLE, inboxTable } from './schema.js';
import { inboxStatements } from './statements.js';
import { Sweep } from './sweep.js';

/** Options of {@link PostgresInbox}. */
export interface PostgresInboxOptions {
  /** A URL, settings of a pool, a `Pool` of `pg`, or anything that runs SQL. Only what the inbox opened is closed by it. */
  connection: PostgresConnectionOption;
  /** Schema of the table; made if it is missing. Default `public`. */
  schema?: string;
  /** Default `event_inbox`. */
  table?: string;
  /** Name of the service whose handlers these are. Services may share a table. Default: the module's `source`. */
  group?: string;
  /** Milliseconds until a call that PostgreSQL does not answer rejects. Default 10,000. */
  timeoutMs?: number;
}

const USER = 'PostgresInbox';
const SWEEP_MS = 60_000;
const SWEEP_ROWS = 5000;

/**
 * An inbox in a table of PostgreSQL 12 or later. Needs the package `pg`, unless it is given something that runs SQL. A
 * handler that writes to the same database can have its key marked in the same transaction.
 *
 * @example
 * EventsModule.forRoot({ backend, inbox: new PostgresInbox({ connection: process.env.DATABASE_URL }) });
 */
export class PostgresInbox implements InboxStore {
  readonly transactions: InboxTransactions;
  readonly #db: Database;
  readonly #name: TableName;
  readonly #sql: ReturnType<typeof inboxStatements>;
  readonly #service: ServiceName;
  readonly #sweep: Sweep;

  /** @throws {EventConfigurationError} for an option that cannot work. */
  constructor(options: PostgresInboxOptions) {
    const { connection, group, timeoutMs = 10_000 } = options;
    this.#name = namedTable(options, DEFAULT_TABLE, USER);
    this.#sql = inboxStatements(qualified(this.#name));
    this.#service = new ServiceName(group, USER);
    this.#db = openDatabase(connection, checkTimeout('timeoutMs', timeoutMs, USER), USER);
    this.#sweep = new Sweep(SWEEP_MS, () => this.#removeSome());
    this.transactions = {
      run: (key, owner, retentionMs, work) =>
        this.#db.transaction(async (client) => {
          const result = await work(client);
          await this.#join(client, key, owner, retentionMs);
          return result;
        }),
      join: (client, key, owner, retentionMs) => this.#join(client, key, owner, retentionMs),
      unmarked: (work) => this.#db.transaction(work),
    };
  }

  /** Makes the table if it is missing. */
  async open(service: string): Promise<void> {
    this.#service.default(service);
    await createTable(this.#db, this.#name, inboxTable(this.#name));
  }

  async close(): Promise<void> {
    await this.#sweep.stop();
    await this.#db.close();
  }

  async claim(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<InboxClaim[]> {
    const rows = await this.#run(this.#sql.claim, keys, owner, leaseMs);
    return rows.map(({ result }) =>
      result === 'claimed' || result === 'handled' ? result : Math.ceil(Number(result)),
    );
  }

  async complete(keys: readonly InboxKey[], owner: string, retentionMs: number): Promise<void> {
    const marked = await this.#run(this.#sql.markOwn, keys, owner, retentionMs);
    if (marked.length < keys.length) {
      const places = new Set(marked.map(({ place }) => Number(place)));
      const lost = keys.filter((_, i) => !places.has(i + 1));
      await this.#run(this.#sql.markLost, lost, owner, retentionMs);
    }
    this.#sweep.maybe();
  }

  async release(keys: readonly InboxKey[], owner: string): Promise<void> {
    await this.#run(this.#sql.release, keys, owner);
  }

  async renew(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<boolean[]> {
    const rows = await this.#run(this.#sql.renew, keys, owner, leaseMs);
    return rows.map(({ held }) => held === 'true');
  }

  /**
   * Removes the rows whose time is over, those of other services included. Happens by itself about once a minute while
   * events are handled.
   *
   * @returns How many rows that were.
   */
  async removeExpired(): Promise<number> {
    let removed = 0;
    for (;;) {
      const count = await this.#removeSome();
      removed += count;
      if (count < SWEEP_ROWS) return removed;
    }
  }

  async #removeSome(): Promise<number> {
    const [row] = await this.#db.query(this.#sql.removeExpired, [SWEEP_ROWS]);
    return Number(row!['count']);
  }

  async #join(client: SqlClient, key: InboxKey, owner: string, retentionMs: number): Promise<void> {
    const { eventId, handlerId } = key;
    const values = [toKey(this.#service.name), toKey(eventId), toKey(handlerId), toText(owner), retentionMs];
    const { rows } = await client.query(this.#sql.join, values);
    if (rows.length > 0) return;
    throw new InboxClaimLostError(
      `Handler '${handlerId}' took longer than its claim to event ${eventId} held, so its transaction is rolled back. Raise 'inbox.leaseMs' if that is usual.`,
    );
  }

  #run(statement: string, keys: readonly InboxKey[], owner: string, ms?: number) {
    const events = keys.map(({ eventId }) => toKey(eventId));
    const handlers = keys.map(({ handlerId }) => toKey(handlerId));
    const values = [toKey(this.#service.name), events, handlers, toText(owner)];
    return this.#db.query(statement, ms === undefined ? values : [...values, ms]);
  }
}
