import { after } from '../../timer.js';
import { harmlessOf } from '../shared/suspects.js';
import type { Claim } from './claim.js';

/** How long the line waits for a message that was sent to have its turn. Another process may have got it. */
const ARRIVAL_MS = 1000;

/** What turns work with. */
export interface TurnsParts {
  readonly maxDeliveries: number;
  /** Puts a copy in the place of a message, which says how often it was begun with, this time included. */
  readonly count: (claim: Claim, begun: number) => void;
  /** Hands it to the workers. */
  readonly run: (claim: Claim) => void;
}

/**
 * Finds the message that ends the processes that handle it, among all those that were in their hands. What was handed out
 * several times is a suspect: suspects have their turn one after the other. SQS counts only how often it hands out, so
 * each is replaced, when its turn comes, by a copy that counts the beginning; that copy runs when it is handed out for the
 * first time, and is a suspect that waits when it is handed out again.
 */
export class Turns {
  readonly #harmless: number;
  #line: Claim[] = [];
  #running: Claim | undefined;
  /** Ends the wait for a copy. */
  #arrived: (() => void) | undefined;

  constructor(private readonly parts: TurnsParts) {
    this.#harmless = harmlessOf(parts.maxDeliveries);
  }

  /** Suspects that wait. */
  get size(): number {
    return this.#line.length;
  }

  isSuspect({ counted, taken }: Claim): boolean {
    return counted !== undefined || taken >= this.#harmless;
  }

  /** How often it was begun with and not finished. */
  begunOf(claim: Claim): number {
    if (!this.isSuspect(claim)) return 0;
    return (claim.counted ?? this.#harmless) - (claim.hasItsTurn ? 1 : 0);
  }

  /** Takes a suspect, which runs when it is its turn. */
  add(claim: Claim): void {
    if (claim.hasItsTurn) {
      this.#line.unshift(claim);
      this.#stopWaiting();
    } else {
      this.#line.push(claim);
    }
    this.#next();
  }

  /** A message has left this process. */
  left(claim: Claim): void {
    if (claim === this.#running) this.#running = undefined;
    else this.#line = this.#line.filter((each) => each !== claim);
    if (this.#line.length > 0) this.#next();
  }

  /** @returns All that wait, and will not run here. */
  clear(): Claim[] {
    this.#stopWaiting();
    return this.#line.splice(0);
  }

  #next(): void {
    while (this.#running === undefined && this.#arrived === undefined) {
      const claim = this.#line.shift();
      if (claim === undefined) return;
      if (claim.lost || claim.settled) continue;
      const begun = this.begunOf(claim);
      if (begun >= this.parts.maxDeliveries) {
        this.parts.run(claim); // which makes it a dead letter
      } else if (claim.hasItsTurn) {
        this.#running = claim;
        this.parts.run(claim);
      } else {
        this.#arrived = after(ARRIVAL_MS, () => {
          this.#arrived = undefined;
          this.#next();
        });
        this.parts.count(claim, begun + 1);
      }
    }
  }

  #stopWaiting(): void {
    this.#arrived?.();
    this.#arrived = undefined;
  }
}
