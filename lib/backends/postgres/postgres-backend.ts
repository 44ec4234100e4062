import { openDatabase } from '../../clients/postgres/open-database.js';
import { sqlOf } from '../../clients/postgres/table.js';
import { PostgresDeadLetterStore } from '../../dead-letters/postgres/postgres-dead-letter-store.js';
import { QueueTableBackend } from '../queue-table/queue-table-backend.js';
import { listenOn, Notifications } from '../../clients/postgres/notifications.js';
import { type PostgresBackendOptions, resolvePostgresOptions } from './options.js';
import { PostgresQueueTable } from './postgres-queue-table.js';
import { backendTables, deadLettersName } from './schema.js';

/**
 * Events in tables of PostgreSQL 12 or later. Every service gets every event; the processes of a service share them.
 * Events of one `key` are handled one at a time, in order.
 *
 * @example
 * EventsModule.forRoot(new PostgresBackend({ connection: process.env.DATABASE_URL, group: 'orders' }))
 */
export class PostgresBackend extends QueueTableBackend {
  readonly name = 'postgres';

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: PostgresBackendOptions) {
    const settings = resolvePostgresOptions(options);
    const { connection, publishTimeoutMs: timeoutMs, className, schema, namespace, notify } = settings;
    const database = openDatabase(connection, timeoutMs, className);
    const deadLetters = new PostgresDeadLetterStore({
      connection: { query: async (text, values) => ({ rows: await database.query(text, values) }) },
      ...deadLettersName(schema, namespace),
      timeoutMs,
    });
    const notifications = new Notifications(notify ? listenOn(connection) : undefined);
    super(settings, new PostgresQueueTable(database, deadLetters, notifications, settings));
  }
}

/**
 * The statements that make the tables of a {@link PostgresBackend}, for migrations. The backend makes them itself when
 * they are missing.
 *
 * @param schema Default `public`. It has to be there.
 * @param namespace Default `events`.
 */
export function postgresBackendSql(schema = 'public', namespace = 'events'): string {
  return sqlOf(backendTables(schema, namespace).flatMap(({ statements }) => statements));
}
