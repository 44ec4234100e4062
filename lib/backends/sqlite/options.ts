import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import type { Event } from '../../event.js';
import type { QueueTableSettings } from '../queue-table/settings.js';
import type { SqliteConnection } from './database.js';

/** Options of {@link SqliteBackend}. */
export interface SqliteBackendOptions {
  /**
   * Path of the file, which is made if it is missing, or an open database of `node:sqlite`, better-sqlite3 or libsql,
   * which is never closed here.
   */
  readonly connection: SqliteConnection;
  /** First part of the names of the tables: letters, digits and `_`. Default `events`. */
  readonly namespace?: string;
  /**
   * Name of the service. Processes of one group share the work; every group gets every event. Default: the module's
   * `source`.
   */
  readonly group?: string;
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  readonly concurrency?: number;
  /**
   * Milliseconds after which the work of a process that fell silent goes to another one, 100 or more. Renewed while
   * handlers run. Default 30,000.
   */
  readonly leaseMs?: number;
  /** Times an event may be taken up without its outcome being stored before it is dead-lettered. Default 10. */
  readonly maxDeliveries?: number;
  /** How often to look for what other processes published, in milliseconds. Default 100. */
  readonly pollMs?: number;
  /** Milliseconds until a publish that the database does not confirm rejects. Default 10,000. */
  readonly publishTimeoutMs?: number;
  /** Largest event, in bytes of its CloudEvents JSON. Default 16 MiB. */
  readonly maxEventBytes?: number;
  /** How long an id that an emitter chose is remembered, in milliseconds; 0 switches it off. Default 1 hour. */
  readonly deduplicationMs?: number;
  /**
   * When a commit is safe. Default `NORMAL`: it survives the death of the process, but not always that of the machine.
   * `FULL` waits for the disk.
   */
  readonly synchronous?: 'NORMAL' | 'FULL';
  /** Events with a higher number are handled first. Default: 0 for all. */
  readonly priorityOf?: (event: Event) => number;
}

/** Options with their defaults filled in and checked. */
export interface ResolvedSqliteOptions extends QueueTableSettings {
  readonly connection: SqliteConnection;
  readonly namespace: string;
  readonly synchronous: 'NORMAL' | 'FULL';
}

const USER = 'SqliteBackend';

/** @throws {EventConfigurationError} for a value that cannot work. */
export function resolveSqliteOptions(options: SqliteBackendOptions): ResolvedSqliteOptions {
  const { connection, namespace = 'events', group, synchronous = 'NORMAL', priorityOf } = options;
  if (connection === undefined || connection === null || connection === '') {
    const want = `the path of a file, such as './events.db', or an open database`;
    throw refusedOption('connection', connection, USER, want);
  }
  if (!/^\w+$/.test(namespace)) throw refusedOption('namespace', namespace, USER, 'letters, digits and _');
  if (!['NORMAL', 'FULL'].includes(synchronous))
    throw refusedOption('synchronous', synchronous, USER, "'NORMAL' or 'FULL'");
  return {
    className: USER,
    connection,
    namespace,
    group: checkGroup(group, USER),
    synchronous,
    priorityOf,
    concurrency: checkWhole('concurrency', options.concurrency ?? 10, USER),
    leaseMs: checkWhole('leaseMs', options.leaseMs ?? 30_000, USER, 100),
    maxDeliveries: checkWhole('maxDeliveries', options.maxDeliveries ?? 10, USER),
    pollMs: checkWhole('pollMs', options.pollMs ?? 100, USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', options.publishTimeoutMs ?? 10_000, USER),
    maxEventBytes: checkWhole('maxEventBytes', options.maxEventBytes ?? 16 * 1024 * 1024, USER),
    deduplicationMs: checkWhole('deduplicationMs', options.deduplicationMs ?? 3_600_000, USER, 0),
  };
}
