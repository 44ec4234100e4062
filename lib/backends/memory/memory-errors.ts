import { EventBusClosedError, QueueFullError } from '../../errors.js';
import type { Event } from '../../event.js';
import { eventOf, type Item } from './job.js';
import type { MemoryBackendOptions } from './memory-options.js';

/** How many lost events an error names. */
const NAMED_LOSSES = 10;

const OVERFLOW_RESULTS = {
  rejected: '',
  kept: ' It is in the dead letters.',
  unkept: ' It could not be kept in the dead letters either.',
};

/** An event found no room. */
export function queueFull(
  event: Event,
  place: 'queue' | 'delayed events',
  { queueSize }: MemoryBackendOptions,
  result: keyof typeof OVERFLOW_RESULTS,
  cause?: unknown,
): QueueFullError {
  return new QueueFullError(
    `Event '${event.type}' (${event.id}) was not accepted: the ${place} of the memory backend reached queueSize = ${queueSize}.${OVERFLOW_RESULTS[result]} Raise 'queueSize' or 'workers', emit more slowly, or set overflow to 'wait'.`,
    { cause },
  );
}

/** Something was to be published after `close`, or waited for room until then. */
export function alreadyClosed(event: Event): EventBusClosedError {
  return new EventBusClosedError(
    `Event '${event.type}' (${event.id}) was not accepted: the memory backend is closed.`,
  );
}

/** What `close` found unhandled. */
export function leftBehind(
  queued: readonly Item[],
  retrying: readonly Item[],
  delayed: readonly Item[],
): EventBusClosedError {
  const left = [...queued, ...retrying, ...delayed];
  const ids = left.slice(0, NAMED_LOSSES).map((item) => eventOf(item).id);
  const more = left.length > ids.length ? ', …' : '';
  return new EventBusClosedError(
    `The memory backend was closed before it had handled ${left.length} of its events. Lost: ${queued.length} queued, ${retrying.length} waiting for a retry, ${delayed.length} delayed. Give shutdown more time, or use a durable backend. Ids: ${ids.join(', ')}${more}.`,
  );
}

/** Shutdown came between a handler and its event. */
export function lostToHandler(event: Event, handlerId: string): EventBusClosedError {
  return new EventBusClosedError(
    `Event '${event.type}' (${event.id}) is lost to handler '${handlerId}': shutdown interrupted it, and the memory backend cannot keep it for later.`,
  );
}
