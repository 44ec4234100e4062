import type { DeadLetter, HandlerAttempt } from './dead-letter.js';
import { boundedHistory, SHORT_MESSAGE } from './history.js';

/**
 * What a store writes for an entry whose id it knows already. It is `dead` again, unless an operator gave it up: that
 * decision stands. History is never lost: tries that only the known entry has come first. What the broker held at
 * first stays.
 *
 * The new entry has the whole history when it is a retry that failed. It has not when its event came a second time
 * from the start, as after a crash between the writing of the dead letter and the acknowledgement.
 */
export function joinDeadLetters(known: DeadLetter, entry: DeadLetter): DeadLetter {
  const raw = known.raw ?? entry.raw;
  const joined: DeadLetter = {
    ...entry,
    status: 'dead',
    attempts: joinAttempts(known.attempts, entry.attempts),
    ...(raw !== undefined && { raw }),
  };
  if (known.status !== 'discarded') return joined;
  const { status, changedAt, reason } = known;
  return { ...joined, status, changedAt, ...(reason !== undefined && { reason }) };
}

/** Entries with every id once, for stores that write several in one step. */
export function joinEqualIds(entries: readonly DeadLetter[]): DeadLetter[] {
  const byId = new Map<string, DeadLetter>();
  for (const entry of entries) {
    const other = byId.get(entry.id);
    byId.set(entry.id, other === undefined ? entry : joinDeadLetters(other, entry));
  }
  return [...byId.values()];
}

function joinAttempts(
  known: readonly HandlerAttempt[],
  latest: readonly HandlerAttempt[],
): readonly HandlerAttempt[] {
  const seen = new Set(latest.map(keyOf));
  const missing = known.filter((attempt) => !seen.has(keyOf(attempt)));
  return missing.length === 0 ? latest : boundedHistory([...missing, ...latest]);
}

/** The same try, wherever it is read. Its message may have been shortened since. */
function keyOf({ at, host, durationMs, error }: HandlerAttempt): string {
  return JSON.stringify([at, host, durationMs, error.name, error.message.slice(0, SHORT_MESSAGE)]);
}
