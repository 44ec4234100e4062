import { checkTimeout } from '../../clients/options.js';
import type { RedisConnectionOption } from '../../clients/redis/connection.js';
import { checkNamespace } from '../../clients/redis/namespace.js';

/** Options of {@link RedisEventStore}. */
export interface RedisEventStoreOptions {
  /** A URL, ioredis options, or a `Redis` or `Cluster` of yours. Only what the store opened is closed by it. */
  connection: RedisConnectionOption;
  /** First part of every key, as `{namespace}:store:...`, so that a cluster keeps them together. Default `events`. */
  namespace?: string;
  /** Milliseconds until a call that Redis does not answer rejects. Default 10,000. */
  timeoutMs?: number;
}

/** Options with everything decided. */
export type ResolvedStoreOptions = Required<RedisEventStoreOptions>;

/** Whose options they are, for errors. */
export const USER = 'RedisEventStore';

/** @throws {EventConfigurationError} for an option that cannot work. */
export function resolveStoreOptions({
  connection,
  namespace = 'events',
  timeoutMs = 10_000,
}: RedisEventStoreOptions): ResolvedStoreOptions {
  return {
    connection,
    namespace: checkNamespace(namespace, USER),
    timeoutMs: checkTimeout('timeoutMs', timeoutMs, USER),
  };
}
