import type { BatchCalls } from '../../clients/aws/batch-calls.js';
import { isPassing } from '../../clients/aws/failures.js';
import type { OutgoingMessage, VisibilityChange } from '../../clients/aws/queue-api.js';
import { insist } from '../../clients/insist.js';
import type { DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { toError } from '../../dispatch/failure.js';
import type { Event } from '../../event.js';
import { pause } from '../../timer.js';
import type { DispatchOutcome } from '../backend.js';
import type { ClaimSettler } from '../shared/workers.js';
import type { Claim } from './claim.js';
import type { Envelopes } from './envelopes.js';
import type { Leases } from './leases.js';

/** Between two tries to tell SQS that a message is settled. */
const AGAIN_MS = 100;

/** What a settler works with. */
export interface SettlerParts {
  /** Sends to the queue of this group. */
  readonly send: (message: OutgoingMessage) => Promise<void>;
  /** Deletes messages by their receipts. */
  readonly deletion: BatchCalls<string>;
  readonly visibility: BatchCalls<VisibilityChange>;
  readonly envelopes: Envelopes;
  readonly leases: Leases;
  readonly deadLetters: DeadLetterStore | undefined;
  /** The message has left this process. */
  readonly settled: (claim: Claim) => void;
  readonly report: (error: Error) => void;
}

/** Stores what has to happen next with a message, and then deletes it: in this order nothing is lost. */
export class Settler implements ClaimSettler<Claim> {
  /** Outcomes that came too late: the message was somebody else's by then. */
  stale = 0;
  /** Messages that were given back. */
  released = 0;
  readonly #open = new Set<Promise<void>>();
  #confirming = 0;
  #onConfirmed: (() => void)[] = [];
  readonly #stop = new AbortController();

  constructor(protected readonly parts: SettlerParts) {}

  /** Outcomes that are not stored yet. */
  get size(): number {
    return this.#open.size + this.#confirming;
  }

  protected get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  handled(claim: Claim): void {
    this.#conclude(claim, () => this.parts.deletion.add(claim.receiptHandle));
  }

  settle(claim: Claim, event: Event, outcome: DispatchOutcome): void {
    const { retries, released, deadLetters, resolved } = outcome;
    if (retries.length + released.length + deadLetters.length + resolved.length === 0)
      return this.handled(claim);
    const storing = this.store(claim, event, outcome).finally(() => this.#open.delete(storing));
    this.#open.add(storing);
  }

  /** As if it had never been taken: another process may have it at once. */
  release(claim: Claim): void {
    this.released++;
    // Handed out again, it would count as begun with.
    if (claim.hasItsTurn)
      return this.replace(claim, this.parts.envelopes.counted(claim.message, claim.counted!));
    claim.given = true;
    this.#conclude(claim, () =>
      this.parts.visibility.add({ receiptHandle: claim.receiptHandle, seconds: 0 }),
    );
  }

  /** Puts another message in the place of this one. */
  replace(claim: Claim, message: OutgoingMessage): void {
    const storing = this.#replace(claim, message).finally(() => this.#open.delete(storing));
    this.#open.add(storing);
  }

  /** Resolves when all is stored and confirmed. */
  async stored(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
    if (this.#confirming > 0) await new Promise<void>((resolve) => void this.#onConfirmed.push(resolve));
  }

  /** Gives up what cannot be stored now: it will be delivered again. */
  stop(): void {
    this.#stop.abort();
  }

  protected async store(claim: Claim, event: Event, outcome: DispatchOutcome): Promise<void> {
    await this.storeDeadLetters(claim, outcome);
    const { retries, released } = outcome;
    const { envelopes, send } = this.parts;
    const copies = [
      ...retries.map((retry) => envelopes.retry(event, retry, retry.delayMs)),
      ...released.map((retry) => envelopes.retry(event, retry, 0)),
    ];
    await Promise.all(copies.map((copy) => this.#insist(claim, () => send(copy))));
    this.#done(claim);
  }

  protected async storeDeadLetters(claim: Claim, { deadLetters, resolved }: DispatchOutcome): Promise<void> {
    const store = this.parts.deadLetters;
    if (store === undefined) {
      // In a script nobody keeps them, so SQS does: the message comes again, or its redrive policy takes it away.
      if (deadLetters.length > 0) claim.lose();
      return;
    }
    if (deadLetters.length > 0) await this.#insist(claim, () => store.add(deadLetters));
    for (const id of resolved) await this.#insist(claim, () => store.transition(id, 'retrying', 'resolved'));
  }

  async #replace(claim: Claim, message: OutgoingMessage): Promise<void> {
    await this.#insist(claim, () => this.parts.send(message));
    this.#done(claim);
  }

  /** All that has to happen next is stored, unless this process gave up or the message is somebody else's. */
  #done(claim: Claim): void {
    if (!this.stopped) this.handled(claim);
  }

  /** The last word about a message. What SQS does not hear of is delivered again. */
  #conclude(claim: Claim, tell: () => Promise<void>): void {
    if (claim.settled) return;
    if (claim.expired) {
      this.stale++;
      claim.lose();
      return this.#left(claim);
    }
    claim.settled = true;
    this.#confirming++;
    tell().then(
      () => this.#confirmed(claim),
      (error: unknown) => void this.#tellAgain(claim, tell, error),
    );
  }

  async #tellAgain(claim: Claim, tell: () => Promise<void>, error: unknown): Promise<void> {
    let failure = error;
    while (isPassing(failure) && !claim.expired && !this.stopped) {
      await pause(AGAIN_MS, this.#stop.signal);
      try {
        await tell();
        return this.#confirmed(claim);
      } catch (next) {
        failure = next;
      }
    }
    this.stale++;
    if (!this.stopped)
      this.parts.report(
        new Error(`SQS did not let a message go, which may be delivered again: ${toError(failure).message}`, {
          cause: failure,
        }),
      );
    this.#confirmed(claim);
  }

  #confirmed(claim: Claim): void {
    this.#confirming--;
    this.#left(claim);
    if (this.#confirming === 0) for (const resolve of this.#onConfirmed.splice(0)) resolve();
  }

  #left(claim: Claim): void {
    this.parts.leases.release(claim);
    this.parts.settled(claim);
  }

  /** Repeats what fails until it works, this process gives up, or the message is somebody else's. */
  async #insist(claim: Claim, work: () => Promise<unknown>): Promise<void> {
    await insist(
      async () => {
        if (!claim.lost) await work();
      },
      this.#stop.signal,
      this.parts.report,
    );
  }
}
