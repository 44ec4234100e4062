import {
  namedTable,
  qualified,
  quoted,
  sqlOf,
  type TableName,
  type TableOptions,
} from '../../clients/postgres/table.js';

/** What makes the table of an inbox and its indexes, one statement each. */
export function inboxTable(name: TableName): string[] {
  const table = qualified(name);
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (
  service text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  handler_id text COLLATE "C" NOT NULL,
  owner text NOT NULL,
  handled boolean NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (service, event_id, handler_id)
)`,
    `CREATE INDEX IF NOT EXISTS ${quoted(`${name.table}_expiry`)} ON ${table} (expires_at)`,
  ];
}

/** Name of the table if nobody says otherwise. */
export const DEFAULT_TABLE = 'event_inbox';

/**
 * The SQL that makes the table of an inbox, for migrations. {@link PostgresInbox} makes none where it finds one.
 *
 * @param options Schema and table, as given to the store.
 * @throws {EventConfigurationError} for a name that cannot be one.
 */
export function inboxTableSql(options: TableOptions = {}): string {
  return sqlOf(inboxTable(namedTable(options, DEFAULT_TABLE, 'inboxTableSql')));
}
