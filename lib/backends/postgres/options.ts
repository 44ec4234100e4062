import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import type { PostgresConnectionOption } from '../../clients/postgres/connection.js';
import { namedTable } from '../../clients/postgres/table.js';
import type { Event } from '../../event.js';
import type { QueueTableSettings } from '../queue-table/settings.js';

/** Options of {@link PostgresBackend}. */
export interface PostgresBackendOptions {
  /**
   * A URL, settings of a pool, a `Pool` of `pg`, or anything that runs SQL. Only what the backend opened is closed by
   * it. With a `Pool`, one of its connections listens for notifications.
   */
  readonly connection: PostgresConnectionOption;
  /** Schema of the tables; made if it is missing. Default `public`. */
  readonly schema?: string;
  /**
   * First part of the names of the tables: at most 35 letters, digits and `_`. Services that exchange events share it.
   * Default `events`.
   */
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
  /** How often to look for events although no notification came, in milliseconds. Default 1000; 100 without `notify`. */
  readonly pollMs?: number;
  /**
   * Listen for notifications, so that events are seen at once. Default true. Needs a connection of its own, and no
   * PgBouncer in transaction mode in between.
   */
  readonly notify?: boolean;
  /** Milliseconds until a publish that PostgreSQL does not confirm rejects. Default 10,000. */
  readonly publishTimeoutMs?: number;
  /** Largest event, in bytes of its CloudEvents JSON. Default 16 MiB. */
  readonly maxEventBytes?: number;
  /** How long an id that an emitter chose is remembered, in milliseconds; 0 switches it off. Default 1 hour. */
  readonly deduplicationMs?: number;
  /** Events with a higher number are handled first. Default: 0 for all. */
  readonly priorityOf?: (event: Event) => number;
}

/** Options with their defaults filled in and checked. */
export interface ResolvedPostgresOptions extends QueueTableSettings {
  readonly connection: PostgresConnectionOption;
  readonly schema: string;
  readonly namespace: string;
  readonly notify: boolean;
}

const USER = 'PostgresBackend';

/** @throws {EventConfigurationError} for a value that cannot work. */
export function resolvePostgresOptions(options: PostgresBackendOptions): ResolvedPostgresOptions {
  const { connection, schema = 'public', namespace = 'events', group, notify = true, priorityOf } = options;
  return {
    className: USER,
    connection,
    schema: namedTable({ schema }, namespace, USER).schema,
    namespace: checkNamespace(namespace, USER),
    group: checkGroup(group, USER),
    notify,
    priorityOf,
    concurrency: checkWhole('concurrency', options.concurrency ?? 10, USER),
    leaseMs: checkWhole('leaseMs', options.leaseMs ?? 30_000, USER, 100),
    maxDeliveries: checkWhole('maxDeliveries', options.maxDeliveries ?? 10, USER),
    pollMs: checkWhole('pollMs', options.pollMs ?? (notify ? 1000 : 100), USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', options.publishTimeoutMs ?? 10_000, USER),
    maxEventBytes: checkWhole('maxEventBytes', options.maxEventBytes ?? 16 * 1024 * 1024, USER),
    deduplicationMs: checkWhole('deduplicationMs', options.deduplicationMs ?? 3_600_000, USER, 0),
  };
}

/**
 * Checks the first part of the names of tables and indexes: PostgreSQL cuts names off after 63 bytes.
 *
 * @param user Whose option it is.
 * @throws {EventConfigurationError} for one that names could not be made of.
 */
export function checkNamespace(namespace: string, user: string): string {
  if (/^[A-Za-z_]\w{0,34}$/.test(namespace)) return namespace;
  const want = 'at most 35 letters, digits and _, a letter or _ first';
  throw refusedOption('namespace', namespace, user, want);
}
