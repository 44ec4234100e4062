import type { HandlerRetry } from '../../backend.js';
import type { ServerClock } from '../server-clock.js';

/** A handler that has to see an event again while the event keeps its place. */
export interface Remaining extends Omit<HandlerRetry, 'delayMs'> {
  /** When, in milliseconds of `performance.now()`. */
  readonly dueAt: number;
}

export function remainingOf({ delayMs, ...retry }: HandlerRetry): Remaining {
  return { ...retry, dueAt: performance.now() + delayMs };
}

/** As JSON for whoever has the shard next: the time is that of the server. '' for nothing. */
export function encodeRemaining(remaining: readonly Remaining[], clock: ServerClock): string {
  if (remaining.length === 0) return '';
  const offset = clock.now() - performance.now();
  return JSON.stringify(remaining.map((each) => ({ ...each, dueAt: Math.ceil(each.dueAt + offset) })));
}

export function decodeRemaining(json: string, clock: ServerClock): Remaining[] {
  if (json === '') return [];
  const offset = clock.now() - performance.now();
  return (JSON.parse(json) as Remaining[]).map((each) => ({ ...each, dueAt: each.dueAt - offset }));
}

/** The one that is due first. */
export function firstDue(remaining: readonly Remaining[]): Remaining | undefined {
  return remaining.reduce<Remaining | undefined>(
    (first, each) => (first !== undefined && first.dueAt <= each.dueAt ? first : each),
    undefined,
  );
}
