import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import type { RedisConnectionOption } from '../../clients/redis/connection.js';
import { checkNamespace } from '../../clients/redis/namespace.js';

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
   * Milliseconds for which an event with an `id` of the emitter's own keeps a second one of this id and source from
   * being stored. 0 stores every one. Default one hour.
   */
  deduplicationMs?: number;
  /**
   * Streams over which the events with a `key` are spread, 1 to 256: a process has whole shards, so more than so many
   * processes do not share their work. The same for all processes of a namespace. Default 16.
   */
  shards?: number;
  /** Largest event, in bytes of its CloudEvents JSON. Larger ones are refused. Default 16 MiB, at most 64 MiB. */
  maxEventBytes?: number;
  /**
   * Milliseconds that an event stays in the stream although every group has handled it, for broadcast handlers of
   * slower processes. `Infinity` keeps everything. Default 60,000.
   */
  trimMinAgeMs?: number;
}

/** The class, for errors. */
export const USER = 'RedisStreamsBackend';
const MIB = 1024 * 1024;

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
    deduplicationMs = 60 * 60 * 1000,
    shards = 16,
    maxEventBytes = 16 * MIB,
    trimMinAgeMs = 60_000,
  } = options;
  if (!connection) {
    const want = "a URL such as 'redis://localhost:6379', ioredis options or a client";
    throw refusedOption('connection', connection, USER, want);
  }
  return {
    connection,
    namespace: checkNamespace(namespace, USER),
    group: checkGroup(group, USER),
    concurrency: checkWhole('concurrency', concurrency, USER),
    leaseMs: checkWhole('leaseMs', leaseMs, USER, 100),
    maxDeliveries: checkWhole('maxDeliveries', maxDeliveries, USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', publishTimeoutMs, USER),
    deduplicationMs: checkWhole('deduplicationMs', deduplicationMs, USER, 0),
    shards: checkWhole('shards', shards, USER, 1, 256),
    maxEventBytes: checkWhole('maxEventBytes', maxEventBytes, USER, 1, 64 * MIB),
    trimMinAgeMs: trimMinAgeMs === Infinity ? Infinity : checkWhole('trimMinAgeMs', trimMinAgeMs, USER, 0),
  };
}
