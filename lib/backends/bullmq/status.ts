import type { Queue } from 'bullmq';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { inTime } from '../../clients/redis/waiting.js';
import { STATUS_TIMEOUT_MS } from '../shared/status.js';
import { BUSY } from './scripts.js';

/** States of BullMQ that a job of ours can be in. */
const STATES = ['waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed'] as const;

/** What there is to count in one group's queue. */
export class Status {
  constructor(
    private readonly connection: RedisConnection,
    private readonly queue: () => Promise<Queue>,
  ) {}

  /** Numbers of jobs by their state. */
  counts(): Promise<Readonly<Record<string, number>>> {
    return inTime(
      STATUS_TIMEOUT_MS,
      this.queue().then((queue) => queue.getJobCounts(...STATES)),
    );
  }

  /** Whether a job waits or is active, or a handler is due to be retried. Events that are delayed do not count. */
  async busy(): Promise<boolean> {
    const queue = await this.queue();
    const { wait, active, prioritized, delayed } = queue.keys;
    const keys = [queue.toKey(''), wait!, active!, prioritized!, delayed!];
    return (await this.connection.run(BUSY, keys, [Date.now()])) === 1;
  }
}
