import type { JobJson, Worker, WorkerOptions } from 'bullmq';
import type { EventJob } from './job-claim.js';
import type { BullMQ } from './load.js';

/** The longest that a read blocks, in seconds. */
export const MAX_BLOCK_S = 3;

/** A worker of BullMQ for jobs that are events. */
export interface EventWorker extends Worker<string, void> {
  /** Lets go of all locks in time, also while jobs run that never end. */
  stopRenewing(): Promise<void>;
}

/**
 * Makes a worker, which begins at once. It differs from BullMQ's in how a job is read: data that is not JSON, and jobs
 * that BullMQ would fail by itself, reach the processor, so that they become dead letters.
 */
export function createEventWorker(
  { Worker }: BullMQ,
  queue: string,
  run: (job: EventJob, token: string) => Promise<void>,
  options: WorkerOptions,
): EventWorker {
  class JobReader extends Worker<string, void> implements EventWorker {
    protected override createJob(json: JobJson, id: string): EventJob {
      const { data, deferredFailure } = json;
      const job: EventJob = super.createJob({ ...json, data: 'null', deferredFailure: undefined }, id);
      job.data = data;
      job.refusal = deferredFailure;
      return job;
    }

    /** Short, so that a dead connection is known from a quiet one early. */
    protected override getBlockTimeout(blockUntil: number): number {
      return Math.min(super.getBlockTimeout(blockUntil), MAX_BLOCK_S);
    }

    stopRenewing(): Promise<void> {
      return this.lockManager.close();
    }
  }
  return new JobReader(queue, (job, token) => run(job, token!), options);
}
