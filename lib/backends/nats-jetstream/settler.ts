import type { NatsConnection } from '@nats-io/transport-node';
import type { Requests } from '../../clients/nats/requests.js';
import type { DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { toError } from '../../dispatch/failure.js';
import { realPause } from '../../timer.js';
import type { Event } from '../../event.js';
import type { DispatchOutcome, HandlerRetry } from '../backend.js';
import type { ClaimSettler } from '../shared/workers.js';
import { ACK, Acknowledger, NAK, TERM } from './acknowledger.js';
import type { Claim } from './claim.js';
import type { Leases } from './leases.js';

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 2000;

/** What a settler works with. */
export interface SettlerParts {
  readonly nc: NatsConnection;
  readonly requests: Requests;
  readonly leases: Leases;
  readonly deadLetters: DeadLetterStore;
  /** Stores a retry of one handler. The same id is stored once. */
  readonly retry: (event: Event, retry: HandlerRetry, id: string) => Promise<unknown>;
  /** The messages have been settled. */
  readonly settled: (claims: readonly Claim[]) => void;
  readonly report: (error: Error) => void;
}

/** Stores what has to happen next with a message, and then acknowledges it: in this order nothing is lost. */
export class Settler implements ClaimSettler<Claim> {
  /** Outcomes that came too late: the message was somebody else's by then. */
  stale = 0;
  /** Messages that were given back. */
  released = 0;
  readonly #acknowledger: Acknowledger;
  readonly #open = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(private readonly parts: SettlerParts) {
    this.#acknowledger = new Acknowledger({
      ...parts,
      onStale: (claim) => this.#tooLate(claim),
      onSaid: (claims, error) => {
        if (error !== undefined && !this.#stop.signal.aborted)
          parts.report(
            new Error(`NATS did not confirm what became of ${claims.length} messages: ${error.message}`),
          );
        parts.settled(claims);
      },
    });
  }

  /** Outcomes that are not stored yet. */
  get size(): number {
    return this.#open.size + this.#acknowledger.size;
  }

  handled(claim: Claim): void {
    this.#say(claim, ACK);
  }

  settle(claim: Claim, event: Event, outcome: DispatchOutcome): void {
    const { retries, released, deadLetters, resolved } = outcome;
    if (retries.length + released.length + deadLetters.length + resolved.length === 0)
      return this.handled(claim);
    const storing = this.#store(claim, event, outcome).finally(() => this.#open.delete(storing));
    this.#open.add(storing);
  }

  /** As if it had never been taken: another process may have it at once, or when its time has come. */
  release(claim: Claim): void {
    this.released++;
    this.#say(claim, NAK);
  }

  /** Has a message come again later. Nothing is lost when this does not arrive: it comes when its lease ends. */
  postpone(claim: Claim, ms: number): void {
    this.#say(claim, Buffer.from(`-NAK {"delay":${Math.ceil(ms * 1_000_000)}}`));
  }

  /** Resolves when all is stored and confirmed. */
  async stored(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
    await this.#acknowledger.confirmed();
  }

  /** Gives up what cannot be stored now: it will be delivered again. */
  stop(): void {
    this.#stop.abort();
    this.#acknowledger.flush();
  }

  async #store(claim: Claim, event: Event, outcome: DispatchOutcome): Promise<void> {
    const { deadLetters, resolved, retries, released } = outcome;
    const { deadLetters: store, retry } = this.parts;
    if (deadLetters.length > 0) await this.#insist(claim, () => store.add(deadLetters));
    for (const next of [...retries, ...released.map((each) => ({ ...each, delayMs: 0 }))]) {
      const id = `${claim.sequence}~${next.handlerId}`;
      await this.#insist(claim, () => retry(event, next, id));
    }
    for (const id of resolved) await this.#insist(claim, () => store.transition(id, 'retrying', 'resolved'));
    if (this.#stop.signal.aborted) return;
    // To the server, a message that ends in the dead letters was not handled.
    this.#say(claim, deadLetters.length > 0 && retries.length + released.length === 0 ? TERM : ACK);
  }

  /** The last word about a message. What the server does not confirm is delivered again. */
  #say(claim: Claim, text: Uint8Array): void {
    if (claim.settled) return;
    if (claim.expired) return this.#tooLate(claim);
    claim.settled = true;
    this.parts.leases.release(claim);
    this.#acknowledger.say(claim, text);
  }

  #tooLate(claim: Claim): void {
    this.stale++;
    claim.lose();
    this.parts.leases.release(claim);
  }

  async #insist(claim: Claim, work: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#stop;
    for (let wait = FIRST_RETRY_MS; !signal.aborted && !claim.lost; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        await work();
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.parts.report(toError(error));
        await realPause(wait, signal);
      }
    }
  }
}
