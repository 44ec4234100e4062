const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
/** Deferrals in a row for a handler that is not there: about four minutes, as a rolling deployment takes. */
const MAX_MISSES = 12;
/** Deferrals of a handler that is there are counted up to here, so that they are not taken for misses. */
const MAX_COUNT = MAX_MISSES / 2;

/**
 * Thrown before a handler is called: not now, and not its fault. The delivery comes again after exactly `delayMs`;
 * the number of its try stays the same.
 */
export class Deferral extends Error {
  /**
   * @param delayMs Milliseconds, 0 or more.
   * @param reason A sentence for whoever reads notices.
   * @param maxCount What `deferrals` counts up to.
   */
  constructor(
    readonly delayMs: number,
    reason: string,
    readonly maxCount = MAX_COUNT,
  ) {
    super(reason);
    this.name = 'Deferral';
  }
}

/** A wait that doubles with every deferral in a row: 1 s at first, 30 s at most. */
export function growingDelayMs(deferrals: number): number {
  return Math.min(FIRST_MS * 2 ** deferrals, LONGEST_MS);
}

/**
 * A delivery for a handler that this process does not have: another process of the service may, as while a new
 * release is rolled out.
 *
 * @returns `undefined` when it was looked for often enough.
 */
export function missingHandler(handlerId: string, type: string, deferrals: number): Deferral | undefined {
  if (deferrals >= MAX_MISSES) return undefined;
  return new Deferral(
    growingDelayMs(deferrals),
    `This process has no handler '${handlerId}' for event '${type}'; another one may.`,
    MAX_MISSES,
  );
}
