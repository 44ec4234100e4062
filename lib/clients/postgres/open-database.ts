import { EventConfigurationError } from '../../errors.js';
import type { Database, PostgresConnectionOption, PostgresPool, SqlDatabase } from './connection.js';
import { FacadeDatabase } from './facade-database.js';
import { OwnPoolDatabase } from './own-pool.js';
import { PoolDatabase } from './pool-database.js';

/**
 * Makes a database of whatever `connection` is. Nothing is connected before its first use.
 *
 * @param user Who needs it, for errors.
 * @throws {EventConfigurationError} when it is none of the kinds. What it is does not show: it may have a password.
 */
export function openDatabase(
  connection: PostgresConnectionOption,
  timeoutMs: number,
  user: string,
): Database {
  if (typeof connection === 'string' && URL_SCHEME.test(connection)) {
    return new OwnPoolDatabase({ connectionString: connection }, timeoutMs, user);
  }
  if (typeof connection === 'object' && connection !== null) {
    if (!runsSql(connection)) return new OwnPoolDatabase(connection, timeoutMs, user);
    if (isPool(connection)) return new PoolDatabase(() => Promise.resolve(connection), timeoutMs, 'BEGIN');
    return new FacadeDatabase(connection, timeoutMs, user);
  }
  throw new EventConfigurationError(
    `Option 'connection' of ${user} is no database. Set it to a URL such as ` +
      `'postgresql://user@localhost:5432/database', to settings of a pool, to a Pool of pg, or to an object with query(text, values).`,
  );
}

const URL_SCHEME = /^(postgres|postgresql|socket):/;

function runsSql(connection: object): connection is PostgresPool | SqlDatabase {
  return 'query' in connection && typeof connection.query === 'function';
}

function isPool(connection: PostgresPool | SqlDatabase): connection is PostgresPool {
  return 'totalCount' in connection && 'connect' in connection;
}
