/** Measures how long a replay has run, pauses left out. */
export class ReplayClock {
  readonly #beganAt = performance.now();
  #ranMs = 0;
  #since: number | undefined;

  /** Whole milliseconds since it was made, pauses included. */
  get totalMs(): number {
    return Math.round(performance.now() - this.#beganAt);
  }

  resume(): void {
    this.#since ??= performance.now();
  }

  pause(): void {
    this.#ranMs = this.#runMs();
    this.#since = undefined;
  }

  /** So many in the time it ran, per second. */
  rate(count: number): number {
    const ms = this.#runMs();
    return ms === 0 ? 0 : (count / ms) * 1000;
  }

  #runMs(): number {
    return this.#ranMs + (this.#since === undefined ? 0 : performance.now() - this.#since);
  }
}
