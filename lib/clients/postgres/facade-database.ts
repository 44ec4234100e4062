import { EventConfigurationError } from '../../errors.js';
import type { SqlClient } from '../../sql-client.js';
import { inTime } from '../in-time.js';
import type { Database, Row, SqlDatabase } from './connection.js';
import { repeatOnCollision } from './repeat.js';

/** A database behind something of the caller's that runs SQL. What is late there cannot be called off. */
export class FacadeDatabase implements Database {
  /** @param user Who needs it, for errors. */
  constructor(
    private readonly facade: SqlDatabase,
    private readonly timeoutMs: number,
    private readonly user: string,
  ) {}

  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    return repeatOnCollision(async () => {
      const { rows } = await inTime('PostgreSQL', this.timeoutMs, this.facade.query(text, values));
      return rows as readonly Row[];
    });
  }

  queryInOrder(text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
    return this.query(text, values);
  }

  async transaction<T>(work: (client: SqlClient) => Promise<T>): Promise<T> {
    if (this.facade.transaction === undefined) {
      throw new EventConfigurationError(
        `The 'connection' of ${this.user} has no transactions. Give it a method transaction(work), or pass a URL or a Pool of pg.`,
      );
    }
    return this.facade.transaction(async (client) => {
      const result = await work(client);
      // Fails if a statement of the work did and nobody minded: a COMMIT would roll back and call it no error.
      await client.query('SELECT 1');
      return result;
    });
  }

  /** It is the caller's. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
