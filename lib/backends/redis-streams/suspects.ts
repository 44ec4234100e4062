import type { Claim } from './claim.js';

/**
 * Entries that were taken up so often that they may be what crashes the processes that take them. A process runs one of
 * them at a time: what crashes it then reaches the limit alone, without the events that happened to be beside it.
 */
export class Suspects {
  /** @param held What this process holds; asked for suspects alone. */
  constructor(
    private readonly maxDeliveries: number,
    private readonly held: () => Iterable<Claim>,
  ) {}

  /** Whether an entry that was taken up as often is one. */
  includes(deliveries: number): boolean {
    return deliveries > 1 && deliveries > this.maxDeliveries / 2;
  }

  /** Whether this process holds one. */
  get any(): boolean {
    for (const { deliveries } of this.held()) if (this.includes(deliveries)) return true;
    return false;
  }
}
