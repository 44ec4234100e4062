import { toError } from '../../dispatch/failure.js';
import { EventError, EventPublishError } from '../../errors.js';
import type { Event } from '../../event.js';
import type { PublishEntry, PublishOptions, PublishReceipt } from '../backend.js';

/** `publishBatch` of a backend that puts concurrent calls of `publish` into one round trip by itself. */
export async function publishEach(
  entries: readonly PublishEntry[],
  publish: (event: Event, options?: PublishOptions) => Promise<PublishReceipt | void>,
): Promise<(Error | PublishReceipt | void)[]> {
  const results = await Promise.allSettled(entries.map(({ event, options }) => publish(event, options)));
  return results.map((result) => (result.status === 'rejected' ? toError(result.reason) : result.value));
}

/**
 * The error for a caller whose event may not be stored.
 *
 * @param user Name of the backend's class.
 * @returns `cause` itself where it says already what to do.
 */
export function notStored(user: string, cause: unknown): Error {
  if (cause instanceof EventError && cause.code !== 'EVENT_TIMEOUT') return cause;
  return new EventPublishError(`${user} did not store the event: ${toError(cause).message}`, { cause });
}

/** For functions that return promises without being async, because each async function on the way costs one more. */
export async function rejected(error: unknown): Promise<never> {
  throw error;
}
