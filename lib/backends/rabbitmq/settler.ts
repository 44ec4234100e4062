import type { ConsumeMessage } from 'amqplib';
import type { Outgoing } from '../../clients/amqp/confirmed-sender.js';
import type { Session } from '../../clients/amqp/tap.js';
import { insist } from '../../clients/insist.js';
import type { DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import type { DispatchOutcome, HandlerRetry } from '../backend.js';
import type { ClaimSettler } from '../shared/workers.js';
import type { Claim } from './claim.js';
import { seenBefore } from './envelopes.js';
import type { Held } from './held.js';

/** What a settler works with. */
export interface SettlerParts {
  readonly held: Held;
  readonly deadLetters: DeadLetterStore;
  /** Stores a retry of one handler. */
  readonly retry: (event: Event, retry: HandlerRetry) => Promise<void>;
  /** Resolves when a queue has the message. */
  readonly store: (message: Outgoing) => Promise<void>;
  readonly report: (error: Error) => void;
}

/** Stores what has to happen next with a message, and then acknowledges it: in this order nothing is lost. */
export class Settler implements ClaimSettler<Claim> {
  /** Outcomes that came too late: the broker had taken the message back by then. */
  stale = 0;
  /** Messages that were given back. */
  released = 0;
  readonly #open = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(private readonly parts: SettlerParts) {}

  /** Outcomes that are not stored yet. */
  get size(): number {
    return this.#open.size;
  }

  handled(claim: Claim): void {
    if (claim.settled) return;
    claim.settled = true;
    this.parts.held.settled(claim);
    this.#acknowledge(claim.message, claim.session);
  }

  settle(claim: Claim, event: Event, outcome: DispatchOutcome): void {
    const { retries, released, deadLetters, resolved } = outcome;
    if (retries.length + released.length + deadLetters.length + resolved.length === 0)
      return this.handled(claim);
    const { deadLetters: store, retry } = this.parts;
    this.#track(async () => {
      if (deadLetters.length > 0) await this.#insist(claim, () => store.add(deadLetters));
      for (const next of [...retries, ...released.map((each) => ({ ...each, delayMs: 0 }))])
        await this.#insist(claim, () => retry(event, next));
      for (const id of resolved)
        await this.#insist(claim, async () => void (await store.transition(id, 'retrying', 'resolved')));
      if (!this.#stop.signal.aborted) this.handled(claim);
    });
  }

  /** Puts it back into its queue as it came. The broker would count a message that it is given back as a crash. */
  release(claim: Claim): void {
    this.released++;
    const { message, queue, begun } = claim;
    this.#track(async () => {
      await this.#insist(claim, () => this.parts.store(seenBefore(message, queue, begun)));
      if (!this.#stop.signal.aborted) this.handled(claim);
    });
  }

  /** Sends a message on its way to another queue. */
  pass(message: ConsumeMessage, session: Session, send: () => Promise<void>): void {
    this.#track(async () => {
      await insist(send, this.#stop.signal, this.parts.report);
      if (!this.#stop.signal.aborted) this.#acknowledge(message, session);
    });
  }

  /** Resolves when all is stored. */
  async stored(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  /** Gives up what cannot be stored now: it will be delivered again. */
  stop(): void {
    this.#stop.abort();
  }

  #track(work: () => Promise<void>): void {
    const open = work().finally(() => this.#open.delete(open));
    this.#open.add(open);
  }

  /** Until it works, unless the broker has taken the message back meanwhile: then somebody else is at it. */
  #insist(claim: Claim, work: () => Promise<void>): Promise<void> {
    return insist(async () => (claim.lost ? undefined : work()), this.#stop.signal, this.parts.report);
  }

  #acknowledge(message: ConsumeMessage, session: Session): void {
    if (session.lost) this.stale++;
    else session.acks.settle(message);
  }
}
