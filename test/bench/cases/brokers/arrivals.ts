import { nowUs } from './clock.js';
import type { Payload } from './payload.js';

const PATIENCE_MS = 60_000;

/** Counts what a consumer handles, and lets one wait for it. */
export class Arrivals {
  count = 0;
  /** Of each payload, in milliseconds, when asked for. */
  readonly latenciesMs: number[] | undefined;
  #awaited = Infinity;
  #reached: ((atUs: number) => void) | undefined;

  constructor(options: { readonly latencies?: boolean } = {}) {
    if (options.latencies) this.latenciesMs = [];
  }

  readonly handle = ({ sentAtUs }: Payload): void => {
    this.latenciesMs?.push((nowUs() - sentAtUs) / 1e3);
    if (++this.count === this.#awaited) this.#reached!(nowUs());
  };

  /**
   * Resolves with the time when that many have arrived in all.
   *
   * @throws Error after a minute.
   */
  reach(count: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const impatience = setTimeout(() => {
        reject(new Error(`Of ${count} events, ${this.count} arrived within ${PATIENCE_MS} ms.`));
      }, PATIENCE_MS);
      this.#reached = (atUs) => {
        clearTimeout(impatience);
        resolve(atUs);
      };
      this.#awaited = count;
      if (this.count >= count) this.#reached(nowUs());
    });
  }

  /** @throws Error when there were more: a measurement in which events came twice is not one. */
  assertExactly(count: number): void {
    if (this.count !== count) throw new Error(`${count} events were sent, but ${this.count} arrived.`);
  }
}
