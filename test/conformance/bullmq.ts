import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import type { BackendFactory } from 'nestjs-durable-events/testing';

export const concurrency = 20;
/** Long enough for a process that shares a busy machine with many. */
export const leaseMs = 2500;
/** Small, so that events of that size do not take the time of the tests. */
export const maxEventBytes = 256 * 1024;

/** The backends that the kit is run on, in the process of the tests and in those that it kills. */
export function bullmq(url: () => string): (...args: Parameters<BackendFactory>) => BullMQBackend {
  return ({ namespace, group }) =>
    new BullMQBackend({
      connection: url(),
      namespace,
      group,
      concurrency,
      leaseMs,
      maxEventBytes,
      maxDeliveries: 3,
      publishTimeoutMs: 2500,
    });
}
