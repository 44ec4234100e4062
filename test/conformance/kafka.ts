import { KafkaBackend } from 'nestjs-durable-events/kafka';
import type { BackendFactory } from 'nestjs-durable-events/testing';

export const concurrency = 20;
/** Brokers that are not ours take no shorter session than 6 seconds unless they are set to. */
export const leaseMs = process.env['KAFKA_BROKERS'] === undefined ? 1500 : 6000;
/** Small, so that events of that size do not take the time of the tests. */
export const maxEventBytes = 256 * 1024;

/** The backends that the kit is run on, in the process of the tests and in those that it kills. */
export function kafka(brokers: () => string): (...args: Parameters<BackendFactory>) => KafkaBackend {
  return ({ namespace, group }) =>
    new KafkaBackend({
      connection: brokers(),
      namespace,
      group,
      concurrency,
      leaseMs,
      maxEventBytes,
      partitions: 4,
      maxDeliveries: 3,
      publishTimeoutMs: 3000,
    });
}
