import { QueueTableBackend } from '../queue-table/queue-table-backend.js';
import { Database } from './database.js';
import { resolveSqliteOptions, type SqliteBackendOptions } from './options.js';
import { SqliteQueueTable } from './sqlite-queue-table.js';

/**
 * Events in a SQLite file: durable without a server, for the processes of one machine. Every service gets every event;
 * the processes of a service share them. Events of one `key` are handled one at a time, in order.
 *
 * @example
 * EventsModule.forRoot(new SqliteBackend({ connection: './events.db', group: 'orders' }))
 */
export class SqliteBackend extends QueueTableBackend {
  readonly name = 'sqlite';

  /** @throws {EventConfigurationError} when an option cannot work. Opens the file on first use, not here. */
  constructor(options: SqliteBackendOptions) {
    const settings = resolveSqliteOptions(options);
    const { connection, synchronous, publishTimeoutMs, namespace, leaseMs, deduplicationMs } = settings;
    const database = new Database(connection, synchronous, publishTimeoutMs);
    const table = new SqliteQueueTable(database, namespace, leaseMs, deduplicationMs);
    super(settings, table);
  }
}
