import type { Event } from '../../event.js';
import type { DispatchOutcome, HandlerRetry } from '../backend.js';
import type { Claim } from './claim.js';
import { Settler, type SettlerParts } from './settler.js';

/** What a settler of a FIFO queue works with. */
export interface FifoSettlerParts extends SettlerParts {
  /** Runs a message again after so many milliseconds. */
  readonly again: (claim: Claim, delayMs: number) => void;
}

interface Due extends HandlerRetry {
  readonly dueAt: number;
}

/**
 * Keeps a message until all its handlers have come to an end: a copy would come behind the later messages of its group.
 * SQS hands out none of these meanwhile.
 */
export class FifoSettler extends Settler {
  readonly #due = new Map<Claim, Due[]>();

  constructor(protected override readonly parts: FifoSettlerParts) {
    super(parts);
  }

  override handled(claim: Claim): void {
    if (!this.#next(claim)) super.handled(claim);
  }

  override release(claim: Claim): void {
    this.#due.delete(claim);
    super.release(claim);
  }

  protected override async store(claim: Claim, _event: Event, outcome: DispatchOutcome): Promise<void> {
    await this.storeDeadLetters(claim, outcome);
    if (this.stopped) return;
    if (outcome.released.length > 0) return this.release(claim); // shutdown, or a lost lease
    const due = outcome.retries.map((retry) => ({ ...retry, dueAt: performance.now() + retry.delayMs }));
    this.#due.set(claim, [...(this.#due.get(claim) ?? []), ...due]);
    this.handled(claim);
  }

  /** Has the handler run that is due first. @returns Whether there is one. */
  #next(claim: Claim): boolean {
    const due = this.#due.get(claim)?.sort((a, b) => a.dueAt - b.dueAt);
    const next = due?.shift();
    if (next === undefined) {
      this.#due.delete(claim);
      return false;
    }
    const { handlerId, attempt, attempts, deferrals, deadLetterId } = next;
    claim.facts = { handlerId, attempt, attempts, deferrals, deadLetterId };
    this.parts.again(claim, Math.max(0, next.dueAt - performance.now()));
    return true;
  }
}
