import type { RedisConnection } from '../../clients/redis/connection.js';
import { newJob } from './new-job.js';
import type { Queues } from './queues.js';

const PER_ROUND = 100;

/** Makes jobs of the retries of dead letters that wait in a stream. Any process of the group may do so. */
export class Retries {
  constructor(
    private readonly connection: RedisConnection,
    private readonly queues: Queues,
    private readonly group: () => string,
    private readonly stream: () => string,
  ) {}

  /** Adds the jobs, then takes the entries out: when somebody else does the same, the ids of the jobs are the same. */
  async forward(): Promise<void> {
    const client = await this.connection.open();
    const stream = this.stream();
    for (;;) {
      const entries = await client.xrange(stream, '-', '+', 'COUNT', PER_ROUND);
      if (entries.length === 0) return;
      const { backend } = await this.queues.of(this.group());
      const jobs = entries.map(([id, [, name, , data]]) => {
        const jobId = `retry@${id}`;
        return { jobId, job: newJob(jobId, name!, data!, {}) };
      });
      await backend.addJobs(jobs);
      await client.xdel(stream, ...entries.map(([id]) => id));
      if (entries.length < PER_ROUND) return;
    }
  }
}
