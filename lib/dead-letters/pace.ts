import { pause } from '../timer.js';

/** Timers come late: so many milliseconds are made up for, so that the rate does not drift. */
const CATCH_UP_MS = 100;

/** Lets so many steps through per second, evenly. What a longer stall left undone is not made up for in a burst. */
export class Pace {
  readonly #intervalMs: number;
  #due = -Infinity;

  /** @param ratePerSecond `undefined` for no limit. */
  constructor(
    ratePerSecond: number | undefined,
    private readonly now = () => performance.now(),
    private readonly wait = pause,
  ) {
    this.#intervalMs = ratePerSecond === undefined ? 0 : 1000 / ratePerSecond;
  }

  /** Resolves when the next step may be taken. @throws (rejects with) the reason of `signal`. */
  async next(signal?: AbortSignal): Promise<void> {
    if (this.#intervalMs === 0) return;
    const now = this.now();
    const next = this.#due + this.#intervalMs;
    this.#due = next < now - CATCH_UP_MS ? now : next;
    if (this.#due <= now) return;
    await this.wait(this.#due - now, signal);
    signal?.throwIfAborted();
  }
}
