import { checkGroup, checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import type { RedisConnectionOption } from '../../clients/redis/connection.js';
import { checkNamespace } from '../../clients/redis/namespace.js';
import { EventConfigurationError } from '../../errors.js';

/** Options of {@link RedisPubSubBackend}. */
export interface RedisPubSubOptions {
  /**
   * A URL such as `redis://localhost:6379`, ioredis options, or an existing `Redis` or `Cluster`. An existing client
   * carries the commands; for the subscription it is duplicated. Only what the backend opened is closed by it.
   */
  connection: RedisConnectionOption;
  /** First part of the channel and of every key. Services that exchange events share it. Default `events`. */
  namespace?: string;
  /** Name of the service: its processes share the work. Default: the module's `source`. */
  group?: string;
  /**
   * `queue`: each event to one process of every service, which costs a round trip to claim it. `fan-out`: to every
   * process, at once. Default `queue`; broadcast handlers are called in every process either way.
   */
  distribution?: 'queue' | 'fan-out';
  /** Deliveries that run at once in this process, 1 or more. Default 10. */
  concurrency?: number;
  /**
   * Events that may wait in this process. Redis sends them without being asked: those beyond go to the dead letters.
   * Default 10,000.
   */
  maxQueued?: number;
  /**
   * Milliseconds for which a claim keeps an event from the other processes of the service: longer than any of them
   * may lag behind. Default 60,000.
   */
  claimMs?: number;
  /** Milliseconds until a publish, or a claim, that Redis does not confirm fails. Default 10,000. */
  publishTimeoutMs?: number;
  /** Milliseconds to try to subscribe before starting fails. Default 10,000. */
  connectTimeoutMs?: number;
  /** Largest event, in bytes of its CloudEvents JSON. Larger ones are refused. Default 1 MiB. */
  maxEventBytes?: number;
}

/** Options with their defaults filled in and checked. `group` is still open: it may come from the module. */
export type ResolvedPubSubOptions = Required<Omit<RedisPubSubOptions, 'group'>> & {
  readonly group: string | undefined;
};

/** Name of the backend in errors. */
export const USER = 'RedisPubSubBackend';

/**
 * Fills in the defaults.
 *
 * @throws {EventConfigurationError} for a value that cannot work.
 */
export function resolvePubSubOptions(options: RedisPubSubOptions): ResolvedPubSubOptions {
  const {
    connection,
    namespace = 'events',
    group,
    distribution = 'queue',
    concurrency = 10,
    maxQueued = 10_000,
    claimMs = 60_000,
    publishTimeoutMs = 10_000,
    connectTimeoutMs = 10_000,
    maxEventBytes = 1024 * 1024,
  } = options;
  if (!connection) {
    throw new EventConfigurationError(
      `${USER} needs a 'connection': a URL such as 'redis://localhost:6379', ioredis options or a client.`,
    );
  }
  if (distribution !== 'queue' && distribution !== 'fan-out') {
    throw refusedOption('distribution', distribution, USER, "'queue' or 'fan-out'");
  }
  return {
    connection,
    namespace: checkNamespace(namespace, USER),
    group: checkGroup(group, USER),
    distribution,
    concurrency: checkWhole('concurrency', concurrency, USER),
    maxQueued: checkWhole('maxQueued', maxQueued, USER),
    claimMs: checkTimeout('claimMs', claimMs, USER),
    publishTimeoutMs: checkTimeout('publishTimeoutMs', publishTimeoutMs, USER),
    connectTimeoutMs: checkTimeout('connectTimeoutMs', connectTimeoutMs, USER),
    maxEventBytes: checkWhole('maxEventBytes', maxEventBytes, USER),
  };
}
