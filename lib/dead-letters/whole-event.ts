import { failedAttempt } from '../dispatch/failure.js';
import type { Event } from '../event.js';
import { ALL_HANDLERS, type DeadLetter } from './dead-letter.js';
import { createDeadLetter } from './create-dead-letter.js';

/** The dead letter of an event that was refused before any handler was given it: it stands for all of them. */
export function wholeEventLetter(event: Event, error: Error): DeadLetter {
  return createDeadLetter(event, ALL_HANDLERS, [failedAttempt(error, Date.now())]);
}
