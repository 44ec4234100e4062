import type { Event } from '../event.js';
import { deadLetterId, type DeadLetter, type HandlerAttempt, type RawMessage } from './dead-letter.js';
import { fingerprintOf } from './fingerprint.js';

/** What is known of an event beside what failed. */
export interface DeadLetterFacts {
  /** Where the entry is not for this event and handler: the one that is being retried. */
  readonly id?: string | undefined;
  readonly raw?: RawMessage | undefined;
}

/**
 * Makes an entry as it enters a store: for backends that keep dead letters themselves, and for tests.
 *
 * @param attempts Failed tries, oldest first; one at least. The last one failed just now.
 * @returns An entry in status `dead`.
 */
export function createDeadLetter(
  event: Event,
  handlerId: string,
  attempts: readonly HandlerAttempt[],
  { id = deadLetterId(event, handlerId), raw }: DeadLetterFacts = {},
): DeadLetter {
  const failedAt = new Date();
  return {
    id,
    event,
    handlerId,
    status: 'dead',
    attempts,
    failedAt,
    changedAt: failedAt,
    fingerprint: fingerprintOf(handlerId, attempts.at(-1)!.error),
    ...(raw !== undefined && { raw }),
  };
}
