import {
  namedTable,
  quoted,
  qualified,
  sqlOf,
  type TableName,
  type TableOptions,
} from '../../clients/postgres/table.js';

/*
 * Events, attempts and raw messages are JSON in columns of type text: jsonb refuses \u0000 and deep nesting, and a
 * dead letter that cannot be written would keep its event from ever being acknowledged.
 */

/** What makes the table of dead letters and its indexes, one statement each. */
export function deadLetterTable(name: TableName): string[] {
  const table = qualified(name);
  const index = (suffix: string) => quoted(`${name.table}_${suffix}`);
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (
  service text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  status text NOT NULL,
  type text NOT NULL,
  handler_id text NOT NULL,
  fingerprint text NOT NULL,
  failed_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  reason text,
  event text NOT NULL,
  facts text NOT NULL,
  raw text,
  event_text text NOT NULL,
  error_text text NOT NULL,
  PRIMARY KEY (service, id)
)`,
    `CREATE INDEX IF NOT EXISTS ${index('list')} ON ${table} (service, failed_at, id)`,
    `CREATE INDEX IF NOT EXISTS ${index('type')} ON ${table} (service, type, failed_at, id)`,
    `CREATE INDEX IF NOT EXISTS ${index('kind')} ON ${table} (service, fingerprint, failed_at, id)`,
    `CREATE INDEX IF NOT EXISTS ${index('closed')} ON ${table} (service, changed_at, id) WHERE status IN ('resolved', 'discarded')`,
  ];
}

/** Name of the table if nobody says otherwise. */
export const DEFAULT_TABLE = 'event_dead_letters';

/**
 * The SQL that makes the table of dead letters, for migrations. {@link PostgresDeadLetterStore} makes none where it finds one.
 *
 * @param options Schema and table, as given to the store.
 * @throws {EventConfigurationError} for a name that cannot be one.
 */
export function deadLetterTableSql(options: TableOptions = {}): string {
  return sqlOf(deadLetterTable(namedTable(options, DEFAULT_TABLE, 'deadLetterTableSql')));
}
