import type { Claim } from './claim.js';

/** Lets one claim of each key through at a time, in the order in which they came. */
export class Lanes {
  readonly #waiting = new Map<string, Claim[]>();

  /** @returns Whether it may go. If not, it comes out of {@link leave} later. */
  enter(claim: Claim): boolean {
    if (claim.key === undefined) return true;
    const lane = this.#waiting.get(claim.key);
    if (lane === undefined) this.#waiting.set(claim.key, []);
    else lane.push(claim);
    return lane === undefined;
  }

  /** @returns The claim of the same key that may go now. */
  leave(claim: Claim): Claim | undefined {
    if (claim.key === undefined) return undefined;
    const lane = this.#waiting.get(claim.key);
    const next = lane?.shift();
    if (next === undefined) this.#waiting.delete(claim.key);
    return next;
  }
}
