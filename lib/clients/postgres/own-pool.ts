import { EventConfigurationError } from '../../errors.js';
import { within } from '../in-time.js';
import type { PostgresPool, PostgresPoolSettings } from './connection.js';
import { PoolDatabase } from './pool-database.js';

/** The statements of handlers are theirs: they are not held to our time. */
const BEGIN = 'BEGIN; SET LOCAL statement_timeout = 0';

/** A pool that can be closed and that reports connections which break while nobody uses them. */
interface OwnPool extends PostgresPool {
  readonly ending: boolean;
  on(event: 'error', listener: () => void): unknown;
  end(): Promise<void>;
}

/** A database behind a pool of our own, opened on first use. */
export class OwnPoolDatabase extends PoolDatabase {
  readonly #opening: () => Promise<OwnPool> | undefined;
  readonly #closeTimeoutMs: number;

  /** @param user Who needs it, for errors. */
  constructor(settings: PostgresPoolSettings, timeoutMs: number, user: string) {
    let opening: Promise<OwnPool> | undefined;
    super(() => (opening ??= openPool(settings, timeoutMs, user)), timeoutMs, BEGIN);
    this.#opening = () => opening;
    this.#closeTimeoutMs = timeoutMs;
  }

  /** Waits for what is running, but not longer than for an answer. */
  override async close(): Promise<void> {
    // A pool that could not be opened has been reported by whoever needed it.
    const pool = await this.#opening()?.catch(() => undefined);
    if (pool !== undefined && !pool.ending) await within(this.#closeTimeoutMs, pool.end());
  }
}

async function openPool(settings: PostgresPoolSettings, timeoutMs: number, user: string): Promise<OwnPool> {
  const { Pool } = await loadPg(user);
  const pool = new Pool({
    connectionTimeoutMillis: timeoutMs,
    // The server gives up first: nothing goes on there that nobody waits for.
    statement_timeout: Math.ceil(timeoutMs * 0.9),
    allowExitOnIdle: true,
    ...settings,
  });
  // A connection that broke while it was idle is out of the pool; the next statement opens another.
  pool.on('error', () => undefined);
  return pool;
}

async function loadPg(user: string) {
  try {
    return await import('pg');
  } catch (cause) {
    throw new EventConfigurationError(`${user} needs the package pg. Install it: npm install pg`, { cause });
  }
}
