import type { Event } from '../event.js';
import type { HandlerEntry } from '../handlers/handler.js';

/** What an inline run returns when nothing had to be waited for: shared, so that it costs no promise. */
export const DONE: Promise<void> = Promise.resolve();

/** Told of a failure before it goes to the caller. */
export type InlineFailure = (event: Event, handler: HandlerEntry, thrown: unknown) => void;

/**
 * Runs handlers one after the other. The first failure stops the rest.
 *
 * @returns {@link DONE} when every handler was synchronous; otherwise a promise of the end.
 * @throws what a synchronous handler throws.
 */
export function runInline(
  event: Event,
  handlers: readonly HandlerEntry[],
  onFailure: InlineFailure,
): Promise<void> {
  for (let i = 0; i < handlers.length; i++) {
    const handler = handlers[i]!;
    let result: unknown;
    try {
      result = handler.invoke(event, handler.firstTry);
    } catch (thrown) {
      onFailure(event, handler, thrown);
      throw thrown;
    }
    if (isThenable(result)) return finishInline(event, handlers, i, result, onFailure);
  }
  return DONE;
}

async function finishInline(
  event: Event,
  handlers: readonly HandlerEntry[],
  running: number,
  first: PromiseLike<unknown>,
  onFailure: InlineFailure,
): Promise<void> {
  let i = running;
  try {
    await first;
    for (i = running + 1; i < handlers.length; i++) {
      const handler = handlers[i]!;
      const result = handler.invoke(event, handler.firstTry);
      if (isThenable(result)) await result;
    }
  } catch (thrown) {
    onFailure(event, handlers[i]!, thrown);
    throw thrown;
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function';
}
