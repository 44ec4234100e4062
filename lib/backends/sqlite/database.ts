import { setTimeout as sleep } from 'node:timers/promises';
import { openDriver, type SqliteDriver, type SqliteStatement, type SqliteValue } from './driver.js';

/** Before another process is asked again whether it is done writing, in milliseconds; and up to twice as long. */
const BUSY_WAIT_MS = 3;

/** A path, or a database that was opened by its owner and is never closed here. */
export type SqliteConnection = string | SqliteDriver;

/** One file, shared with other processes. Who has to wait for them does so without holding up the event loop. */
export class Database {
  #driver: SqliteDriver | undefined;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(
    private readonly connection: SqliteConnection,
    private readonly synchronous: 'NORMAL' | 'FULL',
    private readonly timeoutMs: number,
  ) {}

  async open(): Promise<void> {
    if (this.#driver !== undefined) return;
    const driver = typeof this.connection === 'string' ? await openDriver(this.connection) : this.connection;
    try {
      driver.exec('PRAGMA busy_timeout = 0');
      // Changing the mode of the journal needs the file for a moment.
      await this.#whenFree(() => driver.exec('PRAGMA journal_mode = WAL'));
      driver.exec(`PRAGMA synchronous = ${this.synchronous}`);
    } catch (error) {
      this.#closeOwn(driver);
      throw error;
    }
    this.#driver = driver;
  }

  close(): void {
    this.#statements.clear();
    if (this.#driver !== undefined) this.#closeOwn(this.#driver);
    this.#driver = undefined;
  }

  /** Runs statements as one: all of them or, when one throws, none. */
  transaction<T>(work: () => T): Promise<T> {
    // From its beginning to its end in one go: whatever else wants one comes before or after it.
    return this.#whenFree(() => {
      this.#open.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#open.exec('COMMIT');
        return result;
      } catch (error) {
        this.#rollback();
        throw error;
      }
    });
  }

  exec(sql: string): void {
    this.#open.exec(sql);
  }

  /** @returns The number of rows changed. */
  run(sql: string, ...values: SqliteValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the statement decides what its rows are
  all<R>(sql: string, ...values: SqliteValue[]): R[] {
    return this.#prepared(sql).all(...values) as R[];
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as above
  get<R>(sql: string, ...values: SqliteValue[]): R | undefined {
    return this.all<R>(sql, ...values)[0];
  }

  #closeOwn(driver: SqliteDriver): void {
    if (typeof this.connection === 'string') driver.close();
  }

  get #open(): SqliteDriver {
    if (this.#driver === undefined) throw new Error('The database is closed.');
    return this.#driver;
  }

  #prepared(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#open.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** SQLite has one writer at a time. */
  async #whenFree<T>(work: () => T): Promise<T> {
    const deadline = performance.now() + this.timeoutMs;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
      }
      await sleep(BUSY_WAIT_MS * (1 + Math.random()));
    }
  }

  /** SQLite may have rolled back by itself, as after a full disk. */
  #rollback(): void {
    try {
      this.#open.exec('ROLLBACK');
    } catch (error) {
      if (!/no transaction/i.test((error as Error).message)) throw error;
    }
  }
}

function isBusy(error: unknown): boolean {
  const { code, message, errcode } = error as { code?: unknown; message?: string; errcode?: unknown };
  return code === 'SQLITE_BUSY' || errcode === 5 || /database is locked|SQLITE_BUSY/.test(message ?? '');
}
