import type { OrderedClaim } from './ordered-claim.js';

/** Claims of one shard by key, each key in the order of its entries. Only the first one of a key may run. */
export class Lanes {
  readonly #lanes = new Map<string, OrderedClaim[]>();
  readonly #keys = new Map<OrderedClaim, string>();

  /** Claims in all lanes. */
  get size(): number {
    return this.#keys.size;
  }

  /** @returns Whether the claim is the first one of its key. */
  enter(claim: OrderedClaim): boolean {
    const key = keyOf(claim);
    this.#keys.set(claim, key);
    const lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, [claim]);
    else lane.push(claim);
    return lane === undefined;
  }

  /** Takes out the first one of a key; returns the one that is first now. */
  leave(claim: OrderedClaim): OrderedClaim | undefined {
    const key = this.#keys.get(claim)!;
    const lane = this.#lanes.get(key)!;
    this.#keys.delete(claim);
    lane.shift();
    if (lane.length === 0) this.#lanes.delete(key);
    return lane[0];
  }

  /** Claims of the key of this one, itself included. */
  lengthOf(claim: OrderedClaim): number {
    return this.#lanes.get(this.#keys.get(claim)!)!.length;
  }

  /** All of them, in the order in which they came. */
  all(): Iterable<OrderedClaim> {
    return this.#keys.keys();
  }

  clear(): void {
    this.#lanes.clear();
    this.#keys.clear();
  }
}

/** What has no key, or cannot be read, waits for nobody. */
function keyOf(claim: OrderedClaim): string {
  try {
    const { key } = claim.read().event;
    if (key !== undefined) return `key:${key}`;
  } catch {
    // Whoever starts it makes a dead letter of it.
  }
  return `entry:${claim.id}`;
}
