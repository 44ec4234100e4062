import type { JobJson, JobsOptions } from 'bullmq';
import type { Event } from '../../event.js';
import type { EventJobOptionsSource } from './job-options.js';
import { assertJobOptions } from './job-options.js';

/** A job as BullMQ adds it. Its data is text already, which spares BullMQ another round of JSON. */
export function newJob(id: string, name: string, data: string, opts: JobsOptions): JobJson {
  // BullMQ's type wants all fields; what it adds is these.
  return { id, name, data, opts, timestamp: Date.now() } as JobJson;
}

/**
 * BullMQ's options for the job of an event.
 *
 * @throws {EventConfigurationError} when a function of the application made options that do not go with this backend.
 */
export function jobOptionsOf(source: EventJobOptionsSource, event: Event, delayMs: number): JobsOptions {
  let options = source;
  if (typeof options === 'function') {
    options = options(event) ?? {};
    assertJobOptions(options, `jobOptions for event '${event.type}'`);
  }
  return delayMs > 0 ? { ...options, delay: Math.ceil(delayMs) } : options;
}
