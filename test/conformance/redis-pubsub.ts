import { RedisPubSubBackend } from 'nestjs-durable-events/redis';
import type { BackendFactory } from 'nestjs-durable-events/testing';

/** Small, so that events of that size do not take the time of the tests. */
export const maxEventBytes = 256 * 1024;

/** The backends that the kit is run on, in the process of the tests and in those that it kills. */
export function redisPubSub(url: () => string): (...args: Parameters<BackendFactory>) => RedisPubSubBackend {
  return ({ namespace, group }) =>
    new RedisPubSubBackend({
      connection: url(),
      namespace,
      group,
      concurrency: 20,
      maxEventBytes,
      publishTimeoutMs: 2000,
    });
}
