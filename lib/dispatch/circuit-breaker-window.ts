const BUCKETS = 10;

/** Counts results of the last while, in buckets that are used again: nothing is allocated per call. */
export class SlidingWindow {
  readonly #bucketMs: number;
  readonly #calls = new Uint32Array(BUCKETS);
  readonly #failures = new Uint32Array(BUCKETS);
  /** Number of the newest bucket since the clock's zero. */
  #newest = 0;

  /** @param windowMs How far back it looks, to a tenth. */
  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  add(failed: boolean, now: number): void {
    this.#advance(now);
    const index = this.#newest % BUCKETS;
    this.#calls[index]!++;
    if (failed) this.#failures[index]!++;
  }

  calls(now: number): number {
    this.#advance(now);
    return sum(this.#calls);
  }

  failures(now: number): number {
    this.#advance(now);
    return sum(this.#failures);
  }

  clear(): void {
    this.#calls.fill(0);
    this.#failures.fill(0);
  }

  /** Empties the buckets between the newest and the one of now. */
  #advance(now: number): void {
    const current = Math.floor(now / this.#bucketMs);
    const passed = Math.min(current - this.#newest, BUCKETS);
    for (let i = 0; i < passed; i++) {
      const index = (current - i) % BUCKETS;
      this.#calls[index] = 0;
      this.#failures[index] = 0;
    }
    if (passed > 0) this.#newest = current;
  }
}

function sum(counts: Uint32Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
