import type { BackendFactory } from 'nestjs-durable-events/testing';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';

export const concurrency = 20;
export const leaseMs = 1000;
/** Small, so that events of that size do not take the time of the tests. */
export const maxEventBytes = 256 * 1024;

/** The backends that the kit is run on, in the process of the tests and in those that it kills. */
export function redisStreams(
  url: () => string,
): (...args: Parameters<BackendFactory>) => RedisStreamsBackend {
  return ({ namespace, group }) =>
    new RedisStreamsBackend({
      connection: url(),
      namespace,
      group,
      concurrency,
      leaseMs,
      maxEventBytes,
      maxDeliveries: 3,
      publishTimeoutMs: 2000,
    });
}
