import { failedAttempt } from '../dispatch/failure.js';
import type { Event } from '../event.js';
import { ALL_HANDLERS, deadLetterId, type DeadLetter } from './dead-letter.js';

/** The dead letter of an event that was refused before any handler was given it: it stands for all of them. */
export function wholeEventLetter(event: Event, error: Error): DeadLetter {
  const failedAt = new Date();
  return {
    id: deadLetterId(event.id, ALL_HANDLERS),
    event,
    handlerId: ALL_HANDLERS,
    status: 'dead',
    attempts: [failedAttempt(error, failedAt.getTime())],
    failedAt,
  };
}
