/** Work read ahead should last about this long: enough to hide the way to Redis, too little to hoard. */
const TARGET_MS = 50;
const MAX_IN_MEMORY = 500;
/** Weight of the newest measurement. */
const WEIGHT = 0.2;

/** Decides how many entries to read beyond those that can run now: many for fast handlers, none for slow ones. */
export class Lookahead {
  #msPerEvent = Infinity;

  /** @param inMemory Entries in memory at most, unless `concurrency` is higher. Default 500. */
  constructor(
    private readonly concurrency: number,
    private readonly inMemory = MAX_IN_MEMORY,
  ) {}

  get size(): number {
    const most = Math.max(0, this.inMemory - this.concurrency);
    return Math.min(most, Math.floor(TARGET_MS / this.#msPerEvent));
  }

  /** A handler that ran beside others took this long. */
  ranAsync(ms: number): void {
    this.#learn(ms / this.concurrency);
  }

  /** Handlers that ran one after the other, without waiting, took this long together. */
  ranSync(ms: number, events: number): void {
    this.#learn(ms / events);
  }

  #learn(ms: number): void {
    const sample = Math.max(ms, 0.001);
    this.#msPerEvent =
      this.#msPerEvent === Infinity ? sample : this.#msPerEvent + (sample - this.#msPerEvent) * WEIGHT;
  }
}
