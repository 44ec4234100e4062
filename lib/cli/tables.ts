import { checkNamespace } from '../backends/postgres/options.js';
import { backendTables } from '../backends/postgres/schema.js';
import { namedTable, quoted, sqlOf, type Table } from '../clients/postgres/table.js';
import { deadLetterTable, DEFAULT_TABLE as DEAD_LETTERS_NAME } from '../dead-letters/postgres/schema.js';
import { EventConfigurationError } from '../errors.js';
import { DEFAULT_TABLE as INBOX_NAME, inboxTable } from '../inbox/postgres/schema.js';
import { DEFAULT_TABLE as EVENT_STORE_NAME, eventStoreTables } from '../store/postgres/schema.js';

/** Whose tables there are. */
export const TABLE_KINDS = ['backend', 'inbox', 'dead-letters', 'event-store'] as const;
type TableKind = (typeof TABLE_KINDS)[number];

/** Which tables are wanted, and where. */
export interface TableChoice {
  /** Names of {@link TABLE_KINDS}, separated by commas. */
  readonly tables: string;
  readonly schema: string;
  /** That of the backend. */
  readonly namespace: string;
}

const USER = 'nestjs-durable-events';

/**
 * The tables that were chosen.
 *
 * @throws {EventConfigurationError} for a kind or a name that cannot be one.
 */
export function chosenTables({ tables, schema, namespace }: TableChoice): Table[] {
  const one = (table: string, statements: (name: Table['name']) => string[]): Table[] => {
    const name = namedTable({ schema }, table, USER);
    return [{ name, statements: statements(name) }];
  };
  const kinds: Readonly<Record<TableKind, () => Table[]>> = {
    backend: () => backendTables(namedTable({ schema }, 'any', USER).schema, checkNamespace(namespace, USER)),
    inbox: () => one(INBOX_NAME, inboxTable),
    'dead-letters': () => one(DEAD_LETTERS_NAME, deadLetterTable),
    'event-store': () => one(EVENT_STORE_NAME, eventStoreTables),
  };
  return tables.split(',').flatMap((kind) => {
    if (kind in kinds) return kinds[kind as TableKind]();
    throw new EventConfigurationError(
      `Option 'tables' of ${USER} has '${kind}'. Set it to one or more of ${TABLE_KINDS.join(',')}.`,
    );
  });
}

/** A script that makes them, and the schema where it may be missing. */
export function scriptOf(tables: readonly Table[], schema: string): string {
  const statements = tables.flatMap((table) => table.statements);
  return sqlOf(
    schema === 'public' ? statements : [`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`, ...statements],
  );
}
