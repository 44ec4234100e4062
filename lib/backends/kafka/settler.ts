import { insist } from '../../clients/insist.js';
import type { DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import type { DispatchOutcome, HandlerRetry } from '../backend.js';
import type { ClaimLeases, ClaimSettler } from '../shared/workers.js';
import type { Claim, HeldRetry } from './claim.js';
import type { HeldStates } from './held-states.js';

/** What a settler works with. */
export interface SettlerParts {
  readonly leases: ClaimLeases<Claim>;
  readonly deadLetters: DeadLetterStore;
  readonly states: HeldStates;
  /** Whether later events of its key wait until this one is handled or a dead letter. */
  readonly holdsKey: (claim: Claim) => boolean;
  /** Stores a retry of one handler. */
  readonly retry: (event: Event, retry: HandlerRetry) => Promise<void>;
  /** Something is to be committed, and there is room. */
  readonly progressed: (claim: Claim) => void;
  readonly report: (error: Error) => void;
}

/** Stores what has to happen next with a record, and then counts it as done: in this order nothing is lost. */
export class Settler implements ClaimSettler<Claim> {
  /** Outcomes that came too late: the partition was somebody else's by then. */
  stale = 0;
  /** Records that were given back. */
  released = 0;
  readonly #open = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(private readonly parts: SettlerParts) {}

  /** Outcomes that are not stored yet. */
  get size(): number {
    return this.#open.size;
  }

  handled(claim: Claim): void {
    if (claim.held.length > 1 || claim.partition.progress.held.has(claim.offset)) return this.#settle(claim);
    this.#end(claim);
  }

  settle(claim: Claim, event: Event, outcome: DispatchOutcome): void {
    this.#settle(claim, event, outcome);
  }

  /** As if it had never been taken: whoever gets the partition gets it. */
  release(claim: Claim): void {
    this.released++;
    claim.settled = true;
    this.parts.leases.release(claim);
  }

  /** Resolves when all is stored. */
  async stored(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  /** Gives up what cannot be stored now: it will be delivered again. */
  stop(): void {
    this.#stop.abort();
  }

  #settle(claim: Claim, event?: Event, outcome?: DispatchOutcome): void {
    const storing = this.#store(claim, event, outcome).finally(() => this.#open.delete(storing));
    this.#open.add(storing);
  }

  async #store(claim: Claim, event?: Event, outcome?: DispatchOutcome): Promise<void> {
    const { deadLetters = [], resolved = [], retries = [], released = [] } = outcome ?? {};
    const { deadLetters: store, retry } = this.parts;
    if (deadLetters.length > 0) await this.#insist(claim, () => store.add(deadLetters));
    for (const id of resolved) {
      await this.#insist(claim, () => store.transition(id, 'retrying', 'resolved').then(() => undefined));
    }
    const again = [...retries, ...released.map((each) => ({ ...each, delayMs: 0 }))];
    if (this.parts.holdsKey(claim)) return this.#hold(claim, again);
    await this.#insist(claim, async () => {
      await Promise.all(again.map((next) => retry(event!, next)));
    });
    if (!this.#stop.signal.aborted) this.#end(claim);
  }

  /** It keeps its place, so that later ones of its key go on waiting. */
  async #hold(claim: Claim, again: readonly HandlerRetry[]): Promise<void> {
    const others = claim.held.filter(({ handlerId }) => handlerId !== claim.facts?.handlerId);
    const now = Date.now();
    const held: HeldRetry[] = [
      ...others,
      ...again.map((each) => ({ ...each, dueAt: now + each.delayMs })),
    ].sort((a, b) => a.dueAt - b.dueAt);
    const { states, leases, progressed } = this.parts;
    const { partition } = claim;
    if (held.length === 0) {
      const stored = partition.progress.held.has(claim.offset);
      this.#end(claim);
      // What is left behind is never looked at again.
      if (stored) await states.remove(claim).catch(this.parts.report);
      return;
    }
    await this.#insist(claim, async () => {
      const at = await states.store(claim, held);
      partition.progress.held.set(claim.offset, at);
      partition.progress.changed = true;
    });
    if (claim.lost || this.#stop.signal.aborted) return;
    claim.held = held;
    claim.begun = false;
    leases.release(claim);
    progressed(claim);
    if (!partition.closed) partition.wait(claim);
  }

  #end(claim: Claim): void {
    this.parts.leases.release(claim);
    if (claim.settled) return;
    if (claim.lost) {
      this.stale++;
      return;
    }
    claim.settled = true;
    claim.partition.done(claim);
    this.parts.progressed(claim);
  }

  async #insist(claim: Claim, work: () => Promise<void>): Promise<void> {
    if (claim.lost) return;
    await insist(work, this.#stop.signal, this.parts.report);
  }
}
