import { causedBy } from '../dispatch/correlation.js';
import type { Event } from '../event.js';
import type { HandlerEntry } from '../handlers/handler.js';
import type { HandlerGroup } from '../handlers/handler-registry.js';

/** What an inline run returns when nothing had to be waited for: shared, so that it costs no promise. */
export const DONE: Promise<void> = Promise.resolve();

/**
 * Runs handlers one after the other, as consequences of the event. The first failure stops the rest.
 *
 * @returns {@link DONE} when every handler was synchronous; otherwise a promise of the end.
 * @throws what a synchronous handler throws.
 */
export function runInline(event: Event, group: HandlerGroup, correlate: boolean): Promise<void> {
  return correlate
    ? causedBy(event, group.suspends, runEach, group.handlers, undefined)
    : runEach(event, group.handlers);
}

function runEach(event: Event, handlers: readonly HandlerEntry[]): Promise<void> {
  for (let i = 0; i < handlers.length; i++) {
    const handler = handlers[i]!;
    const result = handler.invoke(event, handler.firstTry);
    if (isThenable(result)) return runRest(event, handlers, i + 1, result);
  }
  return DONE;
}

async function runRest(
  event: Event,
  handlers: readonly HandlerEntry[],
  from: number,
  running: PromiseLike<unknown>,
): Promise<void> {
  await running;
  for (let i = from; i < handlers.length; i++) {
    const handler = handlers[i]!;
    const result = handler.invoke(event, handler.firstTry);
    if (isThenable(result)) await result;
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  );
}
