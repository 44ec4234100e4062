import { cpuMicroseconds } from '../../harness/measure.js';
import { nowUs } from './clock.js';
import type { Payload } from './payload.js';

const PATIENCE_MS = 60_000;

/** When something happened, in microseconds. */
export interface Moment {
  /** By the clock that processes share. */
  readonly atUs: number;
  /** Processor time of this process by then. */
  readonly cpuUs: number;
}

/** Counts what a consumer handles, and lets one wait for it. */
export class Arrivals {
  count = 0;
  /** Of each payload, in milliseconds, when asked for. */
  readonly latenciesMs: number[] | undefined;
  readonly #awaited = new Map<number, (moment: Moment) => void>();

  constructor(options: { readonly latencies?: boolean } = {}) {
    if (options.latencies) this.latenciesMs = [];
  }

  readonly handle = ({ sentAtUs }: Payload): void => {
    this.latenciesMs?.push((nowUs() - sentAtUs) / 1e3);
    this.#awaited.get(++this.count)?.(momentNow());
  };

  /**
   * Resolves with the moment when that many have arrived in all. Ask before they can have: who handles many without a
   * pause is past that moment when others hear of it.
   *
   * @throws Error after a minute.
   */
  reach(count: number): Promise<Moment> {
    return new Promise((resolve, reject) => {
      const impatience = setTimeout(() => {
        reject(new Error(`Of ${count} events, ${this.count} arrived within ${PATIENCE_MS} ms.`));
      }, PATIENCE_MS);
      const reached = (moment: Moment) => {
        clearTimeout(impatience);
        resolve(moment);
      };
      if (this.count >= count) reached(momentNow());
      else this.#awaited.set(count, reached);
    });
  }

  /** @throws Error when there were more: a measurement in which events came twice is not one. */
  assertExactly(count: number): void {
    if (this.count !== count) throw new Error(`${count} events were sent, but ${this.count} arrived.`);
  }
}

function momentNow(): Moment {
  return { atUs: nowUs(), cpuUs: cpuMicroseconds() };
}
