import type { DeadLetter, DeadLetterFilter, DeadLetterGroup, DeadLetterStore } from './dead-letter.js';
import { entriesOf } from './selection.js';

/** A group while it is counted. */
interface Count {
  count: number;
  types: Set<string>;
  firstFailedAt: Date;
  latest: DeadLetter;
}

/** Counts entries by fingerprint, for stores that cannot. Holds one page and the groups, whatever the number of entries. */
export async function countGroups(
  store: DeadLetterStore,
  filter?: DeadLetterFilter,
): Promise<DeadLetterGroup[]> {
  const counts = new Map<string, Count>();
  for await (const entry of entriesOf(store, filter)) {
    const { fingerprint, event, failedAt } = entry;
    const known = counts.get(fingerprint);
    if (known === undefined) {
      const types = new Set([event.type]);
      counts.set(fingerprint, { count: 1, types, firstFailedAt: failedAt, latest: entry });
      continue;
    }
    known.count++;
    known.types.add(event.type);
    known.latest = entry; // they come in the order of their failures
  }
  return [...counts.values()].map(groupOf).sort(largestFirst);
}

function groupOf({ count, types, firstFailedAt, latest }: Count): DeadLetterGroup {
  const { name, message } = latest.attempts.at(-1)!.error;
  return {
    fingerprint: latest.fingerprint,
    count,
    handlerId: latest.handlerId,
    types: [...types].sort(),
    error: { name, message },
    firstFailedAt,
    lastFailedAt: latest.failedAt,
  };
}

function largestFirst(a: DeadLetterGroup, b: DeadLetterGroup): number {
  return b.count - a.count || b.lastFailedAt.getTime() - a.lastFailedAt.getTime();
}
