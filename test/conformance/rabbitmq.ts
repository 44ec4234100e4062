import { RabbitMQBackend } from 'nestjs-durable-events/rabbitmq';
import type { BackendFactory } from 'nestjs-durable-events/testing';

export const concurrency = 20;
/** The least: heartbeats of a second. */
export const leaseMs = 2000;
/** Small, so that events of that size do not take the time of the tests. */
export const maxEventBytes = 256 * 1024;

/** The backends that the kit is run on, in the process of the tests and in those that it kills. */
export function rabbitMQ(url: () => string): (...args: Parameters<BackendFactory>) => RabbitMQBackend {
  return ({ namespace, group }) =>
    new RabbitMQBackend({
      connection: url(),
      namespace,
      group,
      concurrency,
      leaseMs,
      maxEventBytes,
      // A lost heartbeat counts as well, and with one of a second a busy machine loses some.
      maxDeliveries: 5,
      publishTimeoutMs: 2000,
    });
}
