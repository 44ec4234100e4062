import { NatsBackend } from 'nestjs-durable-events/nats';
import type { BackendFactory } from 'nestjs-durable-events/testing';

const concurrency = 20;
/** Small, so that events of that size do not take the time of the tests. */
export const maxEventBytes = 256 * 1024;

/** The backends that the kit is run on, in the process of the tests and in those that it kills. */
export function nats(url: () => string): (...args: Parameters<BackendFactory>) => NatsBackend {
  return ({ namespace, group }) =>
    new NatsBackend({
      connection: url(),
      namespace,
      group,
      concurrency,
      maxEventBytes,
      publishTimeoutMs: 2000,
    });
}
