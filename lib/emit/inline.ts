import type { Event } from '../event.js';
import type { HandlerEntry } from '../handlers/handler.js';

/** What an inline run returns when nothing had to be waited for: shared, so that it costs no promise. */
export const DONE: Promise<void> = Promise.resolve();

/**
 * Runs handlers one after the other. The first failure stops the rest.
 *
 * @returns `undefined` when every handler was synchronous; otherwise a promise of the end.
 * @throws what a synchronous handler throws.
 */
export function runInline(event: Event, handlers: readonly HandlerEntry[]): Promise<void> | undefined {
  for (let i = 0; i < handlers.length; i++) {
    const handler = handlers[i]!;
    const result = handler.invoke(event, handler.firstTry);
    if (isThenable(result)) return finishInline(event, handlers, i, result);
  }
  return undefined;
}

async function finishInline(
  event: Event,
  handlers: readonly HandlerEntry[],
  running: number,
  result: PromiseLike<unknown>,
): Promise<void> {
  await result;
  for (let i = running + 1; i < handlers.length; i++) {
    const handler = handlers[i]!;
    const next = handler.invoke(event, handler.firstTry);
    if (isThenable(next)) await next;
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function';
}
