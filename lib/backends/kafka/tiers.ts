const SECOND_MS = 1000;

/**
 * Longest waits of the partitions in which something waits for its time. What waits for long is apart from what waits
 * for a moment, which so never stands behind more of it than a process has in view.
 */
const LONGEST_MS = [10 * SECOND_MS, 300 * SECOND_MS, 7200 * SECOND_MS, Infinity];

/** What waits for a moment is most of it: as many partitions are for that, so that several processes share it. */
const SHORT = 4;

/** How many partitions such a topic has, at least. */
export const TIERS = SHORT + LONGEST_MS.length - 1;

let turn = 0;

/** The partition for what waits so long. */
export function tierOf(waitMs: number): number {
  const tier = LONGEST_MS.findIndex((longest) => waitMs <= longest);
  return tier === 0 ? turn++ % SHORT : SHORT + tier - 1;
}
