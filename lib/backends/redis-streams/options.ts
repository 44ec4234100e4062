import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { EventConfigurationError } from '../../errors.js';

/** How to reach Redis: a URL, ioredis options, or a client that stays the caller's and is never closed. */
export type RedisConnectionOption = string | RedisOptions | Redis | Cluster;

/** Options of {@link RedisStreamsBackend}. */
export interface RedisStreamsOptions {
  /**
   * A URL such as `redis://localhost:6379`, ioredis options, or an existing `Redis` or `Cluster`. An existing client
   * carries the commands; for blocking reads it is duplicated. Only what the backend opened is closed by it.
   */
  connection: RedisConnectionOption;
  /** First part of every key, as `{namespace}:...`, so that a cluster keeps them together. Default `events`. */
  namespace?: string;
  /**
   * Name of the service. Processes of one group share the work; every group gets every event. Default: the module's
   * `source`.
   */
  group?: string;
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  concurrency?: number;
  /**
   * Milliseconds after which the work of a process that fell silent goes to another one, 100 or more. Renewed while
   * handlers run. Default 30,000.
   */
  leaseMs?: number;
  /** Times an event may be taken up without its outcome being stored before it is dead-lettered. Default 10. */
  maxDeliveries?: number;
  /** Milliseconds until a publish that Redis does not confirm rejects. Default 10,000. */
  publishTimeoutMs?: number;
  /**
   * Milliseconds that an event stays in the stream although every group has handled it, for broadcast handlers of
   * slower processes. `Infinity` keeps everything. Default 60,000.
   */
  trimMinAgeMs?: number;
}

/** Options with their defaults filled in and checked. `group` is still open: it may come from the module. */
export type ResolvedOptions = Required<Omit<RedisStreamsOptions, 'group'>> & {
  readonly group: string | undefined;
};

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolveOptions(options: RedisStreamsOptions): ResolvedOptions {
  const {
    connection,
    namespace = 'events',
    group,
    concurrency = 10,
    leaseMs = 30_000,
    maxDeliveries = 10,
    publishTimeoutMs = 10_000,
    trimMinAgeMs = 60_000,
  } = options;
  if (!connection) {
    throw refused(
      'connection',
      connection,
      "a URL such as 'redis://localhost:6379', ioredis options or a client",
    );
  }
  if (namespace === '' || /[{}]/.test(namespace)) {
    throw refused(
      'namespace',
      namespace,
      'text without { and }, because those mark the hash slot of its keys',
    );
  }
  if (group === '') throw refused('group', group, 'the name of your service, or nothing');
  requireInteger('concurrency', concurrency, 1);
  requireInteger('leaseMs', leaseMs, 100);
  requireInteger('maxDeliveries', maxDeliveries, 1);
  requireInteger('publishTimeoutMs', publishTimeoutMs, 1);
  if (trimMinAgeMs !== Infinity) requireInteger('trimMinAgeMs', trimMinAgeMs, 0);
  return {
    connection,
    namespace,
    group,
    concurrency,
    leaseMs,
    maxDeliveries,
    publishTimeoutMs,
    trimMinAgeMs,
  };
}

function requireInteger(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min)
    throw refused(name, value, `a whole number of at least ${min}`);
}

function refused(name: string, value: unknown, expected: string): EventConfigurationError {
  const given = typeof value === 'string' ? `'${value}'` : String(value);
  return new EventConfigurationError(
    `Option '${name}' of RedisStreamsBackend is ${given}. Set it to ${expected}.`,
  );
}
