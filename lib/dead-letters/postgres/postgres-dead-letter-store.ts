import type { Database, PostgresConnectionOption, Row } from '../../clients/postgres/connection.js';
import { openDatabase } from '../../clients/postgres/open-database.js';
import { createTable, namedTable, qualified, type TableName } from '../../clients/postgres/table.js';
import { toKey, toText } from '../../clients/postgres/text.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { checkTimeout, ServiceName } from '../../clients/options.js';
import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from '../dead-letter.js';
import { cursorAt, parseCursor } from '../dead-letter-cursor.js';
import { pageLimit } from '../dead-letter-matcher.js';
import { joinDeadLetters, joinEqualIds } from '../known-entry.js';
import { conditionOf } from './filter.js';
import { groupOf, groupsSql } from './groups.js';
import { ENTRY, eventText, fromRow, rawText, toRow, WRITTEN } from './row.js';
import { deadLetterTable, DEFAULT_TABLE } from './schema.js';
import { deadLetterStatements } from './statements.js';

/** Options of {@link PostgresDeadLetterStore}. */
export interface PostgresDeadLetterOptions {
  /** A URL, settings of a pool, a `Pool` of `pg`, or anything that runs SQL. Only what the store opened is closed by it. */
  connection: PostgresConnectionOption;
  /** Schema of the table; made if it is missing. Default `public`. */
  schema?: string;
  /** Default `event_dead_letters`. */
  table?: string;
  /** Name of the service whose dead letters these are. Services may share a table. Default: the module's `source`. */
  group?: string;
  /** Milliseconds until a call that PostgreSQL does not answer rejects. Default 10,000. */
  timeoutMs?: number;
}

const USER = 'PostgresDeadLetterStore';
/** Entries per statement. */
const WRITE_BATCH = 500;
const PURGE_BATCH = 1000;

/**
 * Dead letters in a table of PostgreSQL 12 or later. Needs the package `pg`, unless it is given something that runs
 * SQL. Dead entries stay until somebody acts on them; of those that are resolved or discarded the latest 1,000 stay.
 *
 * @example
 * EventsModule.forRoot({ backend, deadLetters: new PostgresDeadLetterStore({ connection: process.env.DATABASE_URL }) });
 */
export class PostgresDeadLetterStore implements DeadLetterStore {
  readonly #db: Database;
  readonly #name: TableName;
  readonly #table: string;
  readonly #sql: ReturnType<typeof deadLetterStatements>;
  readonly #service: ServiceName;

  /** @throws {EventConfigurationError} for an option that cannot work. */
  constructor(options: PostgresDeadLetterOptions) {
    const { connection, group, timeoutMs = 10_000 } = options;
    this.#name = namedTable(options, DEFAULT_TABLE, USER);
    this.#table = qualified(this.#name);
    this.#sql = deadLetterStatements(this.#table);
    this.#service = new ServiceName(group, USER);
    this.#db = openDatabase(connection, checkTimeout('timeoutMs', timeoutMs, USER), USER);
  }

  /** Makes the table if it is missing. */
  async open(service: string): Promise<void> {
    this.#service.default(service);
    await createTable(this.#db, this.#name, deadLetterTable(this.#name));
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async add(entries: readonly DeadLetter[]): Promise<void> {
    const all = joinEqualIds(entries);
    for (let i = 0; i < all.length; i += WRITE_BATCH) await this.#write(all.slice(i, i + WRITE_BATCH));
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    return entryIn(await this.#run(this.#sql.get, [toKey(id)]));
  }

  /** @throws {EventConfigurationError} when `limit` is not from 1 to 1000, or `cursor` is not one of ours. */
  async list({ limit, cursor, ...filter }: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    const size = pageLimit(limit);
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const { sql, values } = conditionOf(this.#key, filter, after);
    const rows = await this.#db.query(
      `SELECT ${ENTRY} FROM ${this.#table} WHERE ${sql} ORDER BY ${this.#table}.failed_at, id LIMIT ${size + 1}`,
      values,
    );
    const entries = rows.slice(0, size).map(fromRow);
    if (rows.length <= size) return { entries };
    const { failed_at, id } = rows[size - 1]!;
    return { entries, cursor: cursorAt({ time: Number(failed_at), id: id as string }) };
  }

  async size(): Promise<number> {
    const [row] = await this.#run(this.#sql.size, []);
    return Number(row!['size']);
  }

  async transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    { reason, event, raw, unchangedSince }: DeadLetterChange = {},
  ): Promise<DeadLetter | undefined> {
    const edited = event === undefined ? [null, null, null] : editOf(event);
    const rows = await this.#run(this.#sql.transition, [
      toKey(id),
      from,
      to,
      reason === undefined ? null : toText(reason),
      ...edited,
      rawText(raw),
      unchangedSince?.getTime() ?? null,
    ]);
    return entryIn(rows);
  }

  async take(id: string): Promise<DeadLetter | undefined> {
    return entryIn(await this.#run(this.#sql.take, [toKey(id)]));
  }

  /** Deletes in batches: what others do meanwhile does not wait, and a large number does not run out of time. */
  async purge(filter: DeadLetterFilter): Promise<number> {
    const { sql, values } = conditionOf(this.#key, filter);
    const statement = `
WITH gone AS (
  DELETE FROM ${this.#table} WHERE (service, id) IN (
    SELECT service, id FROM ${this.#table} WHERE ${sql} AND status <> 'retrying'
    ORDER BY failed_at, id LIMIT ${PURGE_BATCH} FOR UPDATE
  ) RETURNING 1
)
SELECT count(*) AS count FROM gone`;
    let purged = 0;
    for (;;) {
      const [row] = await this.#db.query(statement, values);
      const count = Number(row!['count']);
      purged += count;
      if (count === 0) return purged;
    }
  }

  async groups(filter: DeadLetterFilter = {}): Promise<DeadLetterGroup[]> {
    const { sql, values } = conditionOf(this.#key, filter);
    const rows = await this.#db.query(groupsSql(this.#table, sql), values);
    return rows.map(groupOf);
  }

  /** Until all are written: what changes or goes between reading and writing is looked at again. */
  async #write(batch: readonly DeadLetter[]): Promise<void> {
    for (let left = batch; left.length > 0;) {
      left = without(left, await this.#run(this.#sql.insert, columnsOf(left)));
      if (left.length === 0) return;
      const rows = await this.#run(this.#sql.known, [left.map(({ id }) => toKey(id))]);
      const known = new Map(rows.map((row) => [row['id'], row]));
      const joined = left.flatMap((entry) => {
        const row = known.get(toKey(entry.id));
        return row === undefined
          ? []
          : [{ entry: joinDeadLetters(fromRow(row), entry), version: row['version'] }];
      });
      const values = [...columnsOf(joined.map(({ entry }) => entry)), joined.map(({ version }) => version)];
      left = without(left, await this.#run(this.#sql.replace, values));
    }
  }

  get #key(): string {
    return toKey(this.#service.name);
  }

  async #run(statement: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return this.#db.query(statement, [this.#key, ...values]);
  }
}

function entryIn([row]: readonly Row[]): DeadLetter | undefined {
  return row && fromRow(row);
}

/** One array per column. */
function columnsOf(entries: readonly DeadLetter[]): unknown[][] {
  const rows = entries.map(toRow);
  return WRITTEN.map((_, column) => rows.map((row) => row[column]));
}

function without(entries: readonly DeadLetter[], rows: readonly Row[]): readonly DeadLetter[] {
  const written = new Set(rows.map(({ id }) => id));
  return entries.filter(({ id }) => !written.has(toKey(id)));
}

/** What an edited event replaces. */
function editOf(event: Event): string[] {
  return [encodeEvent(event), toKey(event.type), eventText(event)];
}
