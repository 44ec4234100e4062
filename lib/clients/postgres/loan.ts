import { EventTimeoutError } from '../../errors.js';
import type { PostgresPool, PostgresPoolClient } from './connection.js';

/** Whoever uses the connection is told by the statement that fails; without a listener the process would end. */
const TOLD_ALREADY = () => undefined;

/** A connection out of a pool, from asking for it until it is back. */
export class Loan {
  /** Rejects when there is none. */
  readonly client: Promise<PostgresPoolClient>;
  #client: PostgresPoolClient | undefined;
  #ended = false;
  #broken: Error | undefined;

  constructor(pool: () => Promise<PostgresPool>) {
    this.client = this.#take(pool);
  }

  /** Has the connection closed at the end, whatever state it is in. */
  distrust(reason: Error): void {
    this.#broken = reason;
  }

  /** Gives the connection back, at once or as soon as it comes. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#giveBack();
  }

  async #take(pool: () => Promise<PostgresPool>): Promise<PostgresPoolClient> {
    this.#client = await (await pool()).connect();
    this.#client.on('error', TOLD_ALREADY);
    if (!this.#ended) return this.#client;
    this.#giveBack();
    throw new EventTimeoutError('PostgreSQL gave a connection too late.');
  }

  #giveBack(): void {
    this.#client?.off('error', TOLD_ALREADY);
    this.#client?.release(this.#broken);
  }
}
