import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Pool } from 'pg';

/** Where events and read models are: they have to be in one database to change in one transaction. */
export interface Database {
  /** For the person who started it; never with a password. */
  readonly where: string;
  /** What the event store is made with. */
  readonly connection: Pool | PGlite;
  readonly query: (text: string) => Promise<{ readonly rows: unknown[] }>;
  readonly close: () => Promise<void>;
}

/** Injects the {@link Database}. */
export const DATABASE = Symbol('DATABASE');

/** PostgreSQL where DATABASE_URL is set; otherwise a PostgreSQL in this process, with its files in DATA_DIR. */
export async function openDatabase({
  DATABASE_URL: url,
  DATA_DIR: folder = join(import.meta.dirname, '../var/database'),
}: NodeJS.ProcessEnv): Promise<Database> {
  if (url !== undefined) {
    const pool = new Pool({ connectionString: url });
    await pool.query('select 1').catch((error: Error) => {
      throw new Error(`DATABASE_URL does not lead to a PostgreSQL that lets you in: ${error.message}`);
    });
    return {
      where: 'PostgreSQL',
      connection: pool,
      query: (text) => pool.query(text),
      close: () => pool.end(),
    };
  }
  await mkdir(dirname(folder), { recursive: true });
  const pglite = await PGlite.create(folder);
  return {
    where: folder,
    connection: pglite,
    query: (text) => pglite.query(text),
    close: () => pglite.close(),
  };
}
