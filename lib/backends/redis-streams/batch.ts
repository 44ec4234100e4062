import type { PublishReceipt } from '../backend.js';

/**
 * One script call carries at most this much, so that it never holds up Redis for long, and Redis works on it while
 * the next events of a burst are being made.
 */
const MAX_EVENTS = 80;
const MAX_CHARS = 1_000_000;

/** Where an event goes, when it is not simply to the end of the main stream. */
export interface Route {
  /** Default: the main one. */
  readonly stream?: string | undefined;
  /** Key that exists for as long as a second event of this id is left out. */
  readonly mark?: string | undefined;
}

/** What became of an event that was not simply stored. */
export type Exception = Error | PublishReceipt;

/** Events of one tick in the order of their publishing, and who waits for each. */
export class Batch {
  readonly wires: string[] = [];
  /** By position; absent while no event has one, as with nearly all batches. */
  routes: (Route | undefined)[] | undefined;
  readonly #waiters: {
    resolve: (receipt: PublishReceipt | void) => void;
    reject: (error: Error) => void;
  }[] = [];
  #chars = 0;

  get full(): boolean {
    return this.wires.length >= MAX_EVENTS || this.#chars >= MAX_CHARS;
  }

  add(wire: string, route: Route | undefined): Promise<PublishReceipt | void> {
    return new Promise((resolve, reject) => {
      if (route !== undefined) (this.routes ??= [])[this.wires.length] = route;
      this.wires.push(wire);
      this.#waiters.push({ resolve, reject });
      this.#chars += wire.length;
    });
  }

  /** Settles every event: those with an error reject, the others resolve. */
  settle(exceptions: ReadonlyMap<number, Exception>): void {
    this.#waiters.forEach(({ resolve, reject }, index) => {
      const exception = exceptions.get(index);
      if (exception instanceof Error) reject(exception);
      else resolve(exception);
    });
  }

  fail(error: Error): void {
    for (const { reject } of this.#waiters) reject(error);
  }
}
