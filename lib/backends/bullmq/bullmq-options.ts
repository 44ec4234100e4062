import type { QueueOptions, WorkerOptions } from 'bullmq';
import { EventConfigurationError } from '../../errors.js';

/** Options of BullMQ's queues that may be set. */
export type EventQueueOptions = Pick<
  QueueOptions,
  'prefix' | 'streams' | 'skipMetasUpdate' | 'skipVersionCheck'
>;

/** Options of BullMQ's workers that may be set. */
export type EventWorkerOptions = Pick<
  WorkerOptions,
  'name' | 'limiter' | 'metrics' | 'drainDelay' | 'stalledInterval' | 'maximumRateLimitDelay'
>;

const REFUSED: Readonly<Record<'queueOptions' | 'workerOptions', Readonly<Record<string, string>>>> = {
  queueOptions: {
    connection: "Set 'connection' of the backend.",
    defaultJobOptions: "Set 'jobOptions'.",
  },
  workerOptions: {
    connection: "Set 'connection' of the backend.",
    prefix: "Set 'queueOptions.prefix'.",
    concurrency: "Set 'concurrency' of the backend.",
    lockDuration: "Set 'leaseMs'.",
    lockRenewTime: "It follows from 'leaseMs'.",
    maxStalledCount: "Set 'maxDeliveries'.",
    maxStartedAttempts: "Set 'maxDeliveries': BullMQ would fail the job without a dead letter.",
    skipStalledCheck: 'Without it the work of a dead process is lost.',
    skipLockRenewal: 'Without it long handlers run twice.',
    autorun: 'The worker starts when every handler is registered.',
    removeOnComplete: "Set 'removeOnComplete' of the backend.",
    removeOnFail: "Set 'removeOnFail' of the backend.",
  },
};
const ALLOWED: Readonly<Record<'queueOptions' | 'workerOptions', readonly string[]>> = {
  queueOptions: ['prefix', 'streams', 'skipMetasUpdate', 'skipVersionCheck'],
  workerOptions: ['name', 'limiter', 'metrics', 'drainDelay', 'stalledInterval', 'maximumRateLimitDelay'],
};

/** @throws {EventConfigurationError} for an option that is unknown, or that is the backend's to set. */
export function assertKnown(option: 'queueOptions' | 'workerOptions', given: object): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || ALLOWED[option].includes(name)) continue;
    const instead = REFUSED[option][name] ?? `Leave it out; known are ${ALLOWED[option].join(', ')}.`;
    throw new EventConfigurationError(
      `Option '${option}' of BullMQBackend sets ${name}, which does not go with it. ${instead}`,
    );
  }
}
