/** A process may end for many reasons. What was in the hands of two that ended is handled with care. */
export const HARMLESS = 2;

/** How many processes may end with a delivery before it is a suspect: one less than is tried at all, and one at least. */
export function harmlessOf(maxDeliveries: number, most = HARMLESS): number {
  return Math.max(1, Math.min(most, maxDeliveries - 1));
}

/**
 * Finds the delivery that kills the processes that handle it, among all those that die with it. What was taken up several
 * times is a suspect: suspects run one at a time, and each is counted before it begins.
 */
export class Suspects<C extends { readonly lost: boolean; readonly settled: boolean }> {
  /** Resolves when no suspect runs. */
  #turn: Promise<void> = Promise.resolve();
  readonly #harmless: number;

  /**
   * @param taken How often the broker has handed it out, this time included.
   * @param count Counts a beginning durably, and resolves with how many there were before.
   */
  constructor(
    private readonly maxDeliveries: number,
    private readonly taken: (claim: C) => number,
    private readonly count: (claim: C) => Promise<number>,
  ) {
    this.#harmless = harmlessOf(maxDeliveries);
  }

  isOne(claim: C): boolean {
    return this.taken(claim) > this.#harmless;
  }

  /**
   * Waits for the turn of a suspect, and runs it.
   *
   * @param run Told how often it was begun with and not finished.
   */
  async inTurn(claim: C, run: (begun: number) => Promise<void>): Promise<void> {
    const before = this.#turn;
    let end!: () => void;
    this.#turn = new Promise((resolve) => (end = resolve));
    try {
      await before;
      if (claim.lost || claim.settled) return;
      await run(this.#harmless + (await this.count(claim)));
    } finally {
      end();
    }
  }

  /** Whether it may not be tried any more. */
  isGuilty(begun: number): boolean {
    return begun >= this.maxDeliveries;
  }
}
