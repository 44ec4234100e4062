import type { JobsOptions } from 'bullmq';
import { EventConfigurationError } from '../../errors.js';
import type { Event } from '../../event.js';

/** Options of BullMQ that may be given to a job. The others would change what this backend promises. */
export type EventJobOptions = Pick<
  JobsOptions,
  'priority' | 'lifo' | 'removeOnComplete' | 'removeOnFail' | 'keepLogs'
>;

/** One set of options for all jobs, or a function that makes those of an event. */
export type EventJobOptionsSource = EventJobOptions | ((event: Event) => EventJobOptions | undefined);

/** Why an option is not for you, and what to do instead. Those not listed are simply unknown. */
const INSTEAD: Readonly<Record<string, string>> = {
  attempts: "Retries belong to handlers: set 'retry' of @OnEvent or of the module.",
  backoff: "Retries belong to handlers: set 'retry' of @OnEvent or of the module.",
  jobId: "It is made from the id of the event: set 'id' when you emit.",
  delay: "Set 'delayMs' or 'at' when you emit.",
  deduplication: "It would drop events. Set 'id' when you emit: an id is stored once.",
  timestamp: 'It is the time of publishing.',
  sizeLimit: "Set 'maxEventBytes'.",
  repeat: 'Emit an event for each time.',
  parent: 'An event has no parent job.',
};

const KNOWN: ReadonlySet<string> = new Set<keyof EventJobOptions>([
  'priority',
  'lifo',
  'removeOnComplete',
  'removeOnFail',
  'keepLogs',
]);
/** BullMQ's own limit. */
const MAX_PRIORITY = 2 ** 21 - 1;

/**
 * @param of Where they come from, for errors.
 * @throws {EventConfigurationError} for options that are unknown, or that would break a promise.
 */
export function assertJobOptions(options: EventJobOptions, of: string): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !KNOWN.has(name)) {
      throw refused(of, name, value, INSTEAD[name] ?? `Leave it out; known are ${[...KNOWN].join(', ')}.`);
    }
  }
  const { priority = 0, removeOnFail } = options;
  if (!Number.isInteger(priority) || priority < 0 || priority > MAX_PRIORITY) {
    throw refused(of, 'priority', priority, `Set it to a whole number from 0 to ${MAX_PRIORITY}.`);
  }
  if (removeOnFail !== undefined) assertKeepsFailed(removeOnFail, of);
}

/** @throws {EventConfigurationError} when jobs were removed the moment they fail, so that no board could retry them. */
export function assertKeepsFailed(removeOnFail: NonNullable<JobsOptions['removeOnFail']>, of: string): void {
  const count = typeof removeOnFail === 'object' ? removeOnFail.count : removeOnFail;
  if (count === true || count === 0) {
    throw refused(of, 'removeOnFail', count, 'Set it to how many failed jobs to keep, or to an age.');
  }
}

function refused(of: string, name: string, value: unknown, instead: string): EventConfigurationError {
  return new EventConfigurationError(
    `The ${of} of BullMQBackend set ${name} = ${JSON.stringify(value)}, which does not go with it. ${instead}`,
  );
}
