import { createHash } from 'node:crypto';
import { EventTimeoutError } from '../../errors.js';
import type { SqlClient } from '../../sql-client.js';
import { inTime } from '../in-time.js';
import type { Database, PostgresPool, PostgresPoolClient, Row } from './connection.js';
import { Loan } from './loan.js';
import { repeatOnCollision } from './repeat.js';

/**
 * Opens a transaction for one of our own statements. A bitmap gathers all rows before the first is found, and leaves the
 * marks of dead ones in the index for the next to stumble over. A plan without scans of the table suits all values.
 */
const IN_ORDER =
  'BEGIN; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan';

/**
 * invalid_sql_statement_name, duplicate_prepared_statement: something between us and the server, as PgBouncer before
 * 1.21, changes the session behind the connection. Nothing was done.
 */
const UNPREPARED: ReadonlySet<unknown> = new Set(['26000', '42P05']);

/** A database behind a pool of `pg`. */
export class PoolDatabase implements Database {
  /** Sessions stay with their connections, as far as is known: what they have prepared can be used again. */
  #prepares = true;

  /**
   * @param pool Asked before every use.
   * @param begin Opens a transaction.
   */
  constructor(
    private readonly pool: () => Promise<PostgresPool>,
    private readonly timeoutMs: number,
    private readonly begin: string,
  ) {}

  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    return repeatOnCollision(() =>
      this.#borrow(async (loan) => {
        const { rows } = await this.#inTime(
          loan,
          loan.client.then((client) => client.query(text, values)),
        );
        return rows as readonly Row[];
      }),
    );
  }

  async queryInOrder(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    // By its text: whoever else uses the session and has prepared this name has prepared the same.
    const name = this.#prepares ? nameOf(text) : undefined;
    try {
      return await repeatOnCollision(() =>
        this.#transaction(IN_ORDER, async (client, loan) => {
          const { rows } = await this.#inTime(loan, client.query({ name, text, values }));
          return rows as readonly Row[];
        }),
      );
    } catch (error) {
      if (name === undefined || !UNPREPARED.has((error as { code?: unknown }).code)) throw error;
      this.#prepares = false;
      return this.queryInOrder(text, values);
    }
  }

  transaction<T>(work: (client: SqlClient) => Promise<T>): Promise<T> {
    return this.#transaction(this.begin, work);
  }

  #transaction<T>(begin: string, work: (client: PostgresPoolClient, loan: Loan) => Promise<T>): Promise<T> {
    return this.#borrow(async (loan) => {
      const client = await this.#inTime(loan, loan.client);
      await this.#inTime(loan, client.query(begin));
      let result: T;
      try {
        result = await work(client, loan);
      } catch (error) {
        await this.#rollBack(loan, client);
        throw error;
      }
      const { command } = await this.#inTime(loan, client.query('COMMIT'));
      // What the server answers a COMMIT after a statement that failed, without calling it an error.
      if (command === 'ROLLBACK') throw new Error('A statement failed, so the transaction was rolled back.');
      return result;
    });
  }

  /** The pool belongs to whoever made it. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #borrow<T>(use: (loan: Loan) => Promise<T>): Promise<T> {
    const loan = new Loan(this.pool);
    try {
      return await use(loan);
    } finally {
      loan.end();
    }
  }

  /** The caller has to know what went wrong before. A connection that cannot roll back is closed, which does it, too. */
  async #rollBack(loan: Loan, client: PostgresPoolClient): Promise<void> {
    await this.#inTime(loan, client.query('ROLLBACK')).catch((error: Error) => loan.distrust(error));
  }

  /** A connection that owes an answer is closed: nobody else shall wait for it, or be given that answer. */
  async #inTime<T>(loan: Loan, work: Promise<T>): Promise<T> {
    try {
      return await inTime('PostgreSQL', this.timeoutMs, work);
    } catch (error) {
      if (error instanceof EventTimeoutError) loan.distrust(error);
      throw error;
    }
  }
}

const names = new Map<string, string>();

/** A short name for one of our own statements, of which there are few. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('base64url');
    names.set(text, name);
  }
  return name;
}
