import { AsyncLocalStorage } from 'node:async_hooks';
import type { Event } from '../event.js';

/*
 * The event being handled, so that what its handler emits knows its cause. The context follows the flow of one
 * call and holds nothing else, hence one for all buses: an event of one bus may well cause one of another.
 */
const current = new AsyncLocalStorage<Event>();

/** The event whose handler is running, if any. */
export function causeOf(): Event | undefined {
  return current.getStore();
}

/** Runs handlers as the consequence of an event. */
export function runCausedBy<A extends unknown[], R>(event: Event, run: (...args: A) => R, ...args: A): R {
  return current.run(event, run, ...args);
}
