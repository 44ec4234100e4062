import { type Job, Queue } from 'bullmq';
import { ALL_HANDLERS, type DeadLetter } from '../../../lib/dead-letters/dead-letter.js';
import type { Event } from '../../../lib/event.js';
import { BullMQBackend } from '../../../lib/bullmq.js';
import { GROUP } from '../programs/settings.js';
import type { BrokerView, Outstanding } from './broker-view.js';
import { everyDeadLetter } from './every-dead-letter.js';

/** What a job holds: a CloudEvent, or one with the handlers that are left. */
type JobData = { readonly id: string } | { readonly event: { readonly id: string }; readonly todo: Turn[] };

interface Turn {
  readonly handlerId: string;
}

/** States of jobs that are not finished. */
const OPEN = ['wait', 'active', 'delayed', 'prioritized', 'waiting-children'] as const;

/** The queue of the group, read with plain BullMQ. */
export class BullMQView implements BrokerView {
  readonly #queue: Queue<JobData>;
  readonly #operator: BullMQBackend;

  constructor(
    url: string,
    readonly namespace: string,
  ) {
    const { hostname: host, port } = new URL(url);
    this.#queue = new Queue(`${namespace}.${GROUP}`, {
      connection: { host, port: Number(port), maxRetriesPerRequest: null },
    });
    // Tests stop the server; who is waiting for an answer gets it when the server is back.
    this.#queue.on('error', () => undefined);
    this.#operator = new BullMQBackend({ connection: url, namespace, group: GROUP });
  }

  async settled(): Promise<boolean> {
    const counts = await this.#queue.getJobCounts(...OPEN);
    return Object.values(counts).every((count) => count === 0);
  }

  async outstanding(): Promise<Outstanding[]> {
    return (await this.#openJobs()).flatMap(({ data }) => workOf(data));
  }

  deadLetters(): Promise<DeadLetter[]> {
    return everyDeadLetter(this.#operator.deadLetters);
  }

  async whereabouts(eventId: string): Promise<string> {
    const jobs = await this.#queue.getJobs([...OPEN, 'completed', 'failed']);
    const found = jobs.filter((job) => job !== undefined && JSON.stringify(job.data).includes(eventId));
    const places = found.map(async (job) => {
      const { id, attemptsStarted, stalledCounter, failedReason } = job;
      const state = `${await job.getState()}, begun ${attemptsStarted} times, stalled ${stalledCounter} times`;
      return `job ${id} (${state}${failedReason ? `, ${failedReason}` : ''}): ${JSON.stringify(job.data)}`;
    });
    return places.length > 0 ? (await Promise.all(places)).join(', ') : 'in no job';
  }

  async publish(event: Event): Promise<void> {
    await this.#operator.publish(event);
  }

  async close(): Promise<void> {
    await this.#queue.close();
    await this.#operator.close();
  }

  /** One that is removed while they are read is none any more. */
  async #openJobs(): Promise<Job<JobData>[]> {
    return (await this.#queue.getJobs([...OPEN])).filter((job) => job !== undefined);
  }
}

function workOf(data: JobData): Outstanding[] {
  if ('todo' in data) return data.todo.map(({ handlerId }) => ({ eventId: data.event.id, handlerId }));
  return [{ eventId: data.id, handlerId: ALL_HANDLERS }];
}
