import { EventConfigurationError } from '../../errors.js';

/**
 * What SQLite drivers for Node have in common; all of them are synchronous. Statements have plain `?` only: better-sqlite3
 * takes `?1` for a name.
 */
export interface SqliteDriver {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

/** A prepared statement. */
export interface SqliteStatement {
  run(...values: SqliteValue[]): { readonly changes: number | bigint };
  all(...values: SqliteValue[]): unknown[];
}

export type SqliteValue = string | number | null;

/** A file, and who opens it: the first of these that is there. */
const DRIVERS: readonly ((path: string) => Promise<SqliteDriver>)[] = [
  async (path) => {
    const { DatabaseSync } = await importDriver('node:sqlite');
    return new DatabaseSync(path);
  },
  async (path) => {
    const { default: Database } = await importDriver('better-sqlite3');
    return new Database(path);
  },
  async (path) => {
    const { default: Database } = await importDriver('libsql');
    return new Database(path);
  },
];

/**
 * Opens a file with `node:sqlite`, which Node has from 22.13 on, else with the package better-sqlite3 or libsql.
 *
 * @throws {EventConfigurationError} naming the package to install when there is none.
 */
export async function openDriver(path: string): Promise<SqliteDriver> {
  for (const open of DRIVERS) {
    try {
      return await open(path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw new EventConfigurationError(
    `SqliteBackend needs a driver: Node ${process.versions.node} has no node:sqlite, and neither better-sqlite3 nor libsql is installed. Install one: npm install libsql`,
  );
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- optional packages, and a module of newer versions of Node
type Loaded = any;

/** By a variable, so that neither the compiler nor a bundler looks for what may not be there. */
function importDriver(name: string): Promise<Loaded> {
  return import(name);
}

const MISSING = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNKNOWN_BUILTIN_MODULE']);

function isMissing(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  // Jest has codes of its own.
  return MISSING.has(code ?? '') || /Cannot find module|No such built-in module/.test(message ?? '');
}
