import { randomUUID } from 'node:crypto';
import type { JobJson } from 'bullmq';
import { ALL_HANDLERS } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { assertEventSize } from '../../wire/event-size.js';
import type { Delivery, PublishOptions, PublishReceipt } from '../backend.js';
import { writeJobData } from './job-data.js';
import { jobIdOf, uniqueJobIdOf } from './names.js';
import { jobOptionsOf, newJob } from './new-job.js';
import type { ResolvedOptions } from './options.js';
import type { Publisher } from './publisher.js';

const MAX_EVENT_BYTES = "option 'maxEventBytes' of BullMQBackend";

/** Makes jobs of events. */
export class EventJobs {
  constructor(
    private readonly options: ResolvedOptions,
    private readonly publisher: Publisher,
  ) {}

  /** Adds a job to the queue of every group. */
  publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    // No async function: this is the hottest path, and each costs another promise.
    try {
      const { jobOptions, maxEventBytes } = this.options;
      const delayMs = options?.delayMs ?? 0;
      const deduplicate = options?.deduplicate ?? false;
      const wire = encodeEvent(event);
      assertEventSize(event, wire, maxEventBytes, MAX_EVENT_BYTES);
      const opts = jobOptionsOf(jobOptions, event, delayMs);
      const found = deduplicate || delayMs > 0;
      const id = found ? jobIdOf(event, deduplicate) : uniqueJobIdOf(event);
      const job = newJob(id, event.type, wire, opts);
      const stored = this.publisher.publish({ job, deduplicate: found });
      return found && !deduplicate ? this.#again(event, job, stored) : stored;
    } catch (error) {
      return rejected(error);
    }
  }

  /** The job that brings an event to one handler. */
  redelivery(event: Event, delivery: Delivery): JobJson {
    const { handlerId = ALL_HANDLERS, attempt, attempts, deferrals, deadLetterId } = delivery;
    const todo = [{ handlerId, attempt, attempts, deferrals, deadLetterId, dueAt: 0 }];
    const data = writeJobData(`"event":${encodeEvent(event)}`, { todo, lost: [] });
    const opts = jobOptionsOf(this.options.jobOptions, event, 0);
    return newJob(`redelivery@${randomUUID()}`, event.type, data, opts);
  }

  /** A delayed event has an id that it can be taken back by; published again, it is a job more. */
  async #again(event: Event, job: JobJson, stored: Promise<PublishReceipt | void>): Promise<void> {
    const receipt = await stored;
    if (!receipt?.duplicate) return;
    const another = { ...job, id: uniqueJobIdOf(event) };
    await this.publisher.publish({ job: another, deduplicate: false });
  }
}

async function rejected(error: unknown): Promise<never> {
  throw error;
}
