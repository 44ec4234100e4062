import { EventConfigurationError } from '../../errors.js';
import type { Database } from './connection.js';

/** Where a table is. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** A table, and what makes it and its indexes, one statement each. */
export interface Table {
  readonly name: TableName;
  /** May be run again: what is there stays, what is missing is added. */
  readonly statements: readonly string[];
  /** The column that came last, if any came later: a table without it is of an earlier version. */
  readonly newest?: string;
}

/** Where a table is to be. */
export interface TableOptions {
  /** Default `public`. */
  schema?: string;
  /** Default: depends on what it holds. */
  table?: string;
}

/** PostgreSQL cuts names off after 63 bytes; those of indexes are made of the table's. */
const MAX_NAME_BYTES = 48;
const NAME = /^[\p{L}_][\p{L}\p{N}_-]*$/u;

/** Processes that start together make their tables one after the other. The number is arbitrary, and ours. */
const CREATION_LOCK = 7_305_417_021;

/** Values: table, column or null. */
const COMPLETE = `
SELECT to_regclass($1) IS NOT NULL AND ($2::text IS NULL OR EXISTS (
  SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped
)) AS complete`;

/**
 * Fills in the defaults.
 *
 * @param user Whose options they are.
 * @throws {EventConfigurationError} for a name that PostgreSQL would cut off or take apart.
 */
export function namedTable(options: TableOptions, defaultTable: string, user: string): TableName {
  const { schema = 'public', table = defaultTable } = options;
  for (const [option, name] of Object.entries({ schema, table })) {
    if (NAME.test(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES) continue;
    throw new EventConfigurationError(
      `Option '${option}' of ${user} is '${name}'. Set it to a name of letters, digits, _ and - of at most ` +
        `${MAX_NAME_BYTES} bytes. Schema and table are two options.`,
    );
  }
  return { schema, table };
}

/** The name as it stands in SQL. */
export function qualified({ schema, table }: TableName): string {
  return `${quoted(schema)}.${quoted(table)}`;
}

/** An identifier in SQL. Only for names that have been checked. */
export function quoted(name: string): string {
  return `"${name}"`;
}

/**
 * Makes a table unless it is there, as this version wants it: then no rights are needed to make any.
 *
 * @param statements What makes the table and its indexes, see {@link Table}.
 * @param newest Column that a table of an earlier version lacks, if there is one.
 * @returns Whether something was missing.
 */
export async function createTable(
  db: Database,
  name: TableName,
  statements: readonly string[],
  newest?: string,
): Promise<boolean> {
  const [found] = await db.query(COMPLETE, [qualified(name), newest ?? null]);
  if (found!['complete'] === true) return false;
  await db.query(`DO $create$
BEGIN
  PERFORM pg_advisory_xact_lock(${CREATION_LOCK});
  IF to_regnamespace('${quoted(name.schema)}') IS NULL THEN
    CREATE SCHEMA ${quoted(name.schema)};
  END IF;
  ${statements.join(';\n  ')};
END
$create$`);
  return true;
}

/** Statements as a script. */
export function sqlOf(statements: readonly string[]): string {
  return statements.map((statement) => `${statement};\n`).join('');
}
