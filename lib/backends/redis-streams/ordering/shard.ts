import { after } from '../../../timer.js';
import type { DispatchOutcome, KeyFailurePolicy } from '../../backend.js';
import type { Acks } from '../acks.js';
import type { Claim, Line } from '../claim.js';
import type { ServerClock } from '../server-clock.js';
import type { Settler } from '../settler.js';
import type { Suspects } from '../suspects.js';
import { Lanes } from './lanes.js';
import { OrderedClaim } from './ordered-claim.js';
import { remainingOf } from './remaining.js';
import type { ShardEntry, Unhandled } from './shard-log.js';

/** Wait after a dispatcher broke, which it promises not to do. */
const BROKEN_MS = 1000;
/** Entries that may wait for retries, or behind them, beside those that can be worked on. */
const MAX_BLOCKED = 500;

/** The parts that shards work with. */
export interface ShardParts {
  readonly policy: KeyFailurePolicy;
  readonly clock: ServerClock;
  readonly acks: Acks;
  readonly settler: Settler;
  readonly suspects: Suspects;
  /** Starts a claim when there is a free place. */
  readonly run: (claim: Claim) => void;
  /** Counts a delivery of what was taken over. Resolves with whether the entry is still ours. */
  readonly count: (claim: Claim) => Promise<boolean>;
  /** There is more room in a shard. */
  readonly onRoom: (shard: Shard) => void;
}

/** What this process holds of a shard that is its own: one event of a key at a time, in the order of the stream. */
export class Shard implements Line {
  /** Where to go on with what earlier owners left; `undefined` when all of it is here. */
  leftovers: string | undefined = '-';
  /** Id of the last entry that was read, or left to earlier owners; `undefined` before the first look. */
  lastId: string | undefined;
  /** Server time, in Unix milliseconds, until which it is ours for sure. */
  deadline = 0;
  /** The same by the clock of this process. It goes on while the process is stopped. */
  #validUntil = 0;
  #active = 0;
  #leaving = false;
  #onQuiet: (() => void) | undefined;
  readonly #lanes = new Lanes();
  /** First ones of their keys that could not start: the lease is in doubt, the shard is to go, a suspect runs. */
  readonly #parked = new Set<OrderedClaim>();
  readonly #timers = new Map<OrderedClaim, () => void>();

  constructor(
    readonly index: number,
    readonly stream: string,
    /** When this process became its owner. */
    readonly since: string,
    private readonly parts: ShardParts,
  ) {}

  /** Entries held. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Entries that take up room. Others wait for a retry or behind one, and keep the shard from going on if they are many. */
  get pressing(): number {
    let blocked = 0;
    for (const claim of this.#timers.keys()) blocked += this.#lanes.lengthOf(claim);
    return this.size - Math.min(blocked, MAX_BLOCKED);
  }

  /** Claims whose handlers run, or whose outcome is being stored. */
  get active(): number {
    return this.#active;
  }

  /** Nothing starts any more. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** Claims that run or are about to. */
  *chosen(): Generator<Claim> {
    for (const claim of this.#lanes.all()) if (claim.chosen) yield claim;
  }

  /** The lease holds until then: what waited for that may start. */
  renewed(deadline: number, validUntil: number): void {
    this.deadline = deadline;
    this.#validUntil = validUntil;
    this.#resume();
  }

  accept(entries: readonly ShardEntry[]): void {
    for (const entry of entries) {
      const claim = new OrderedClaim(this, this.stream, this.index, entry, this.parts.clock);
      if (this.#lanes.enter(claim)) this.#proceed(claim);
    }
  }

  /** Starts nothing more. Resolves when nothing is active, or by {@link stay}. */
  async leave(): Promise<void> {
    this.#leaving = true;
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
  }

  /** Goes on after {@link leave}. */
  stay(): void {
    this.#leaving = false;
    this.#onQuiet?.();
    this.#resume();
  }

  /** Forgets everything, and tells what was not handled. That is nobody's fault, so this delivery does not count. */
  empty(): Unhandled[] {
    const unhandled = [...this.#lanes.all()].map(({ id, deliveries }): Unhandled => [id, deliveries - 1]);
    this.lose();
    return unhandled;
  }

  /** The shard is somebody else's: what runs is told to stop, and its outcome does not count. */
  lose(): void {
    this.#leaving = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#parked.clear();
    for (const claim of this.#lanes.all()) claim.lose();
    this.#lanes.clear();
    this.#active = 0;
    this.#onQuiet?.();
  }

  admits(claim: OrderedClaim): boolean {
    if (this.#leaving || performance.now() >= this.#validUntil) {
      this.#park(claim);
      return false;
    }
    claim.address();
    claim.active = true;
    this.#active++;
    return true;
  }

  concluded(claim: OrderedClaim, outcome: DispatchOutcome | undefined): void {
    if (claim.lost) return;
    if (outcome === undefined) return this.#runAgain(claim);
    const { retries, deadLetters, resolved, released } = outcome;
    const blocks = this.parts.policy === 'block-key';
    claim.keep((blocks ? [...retries, ...released] : released).map(remainingOf));
    const elsewhere = blocks ? [] : retries;
    if (elsewhere.length + deadLetters.length + resolved.length > 0 || claim.unfinished || claim.stored) {
      const { event, wire } = claim.read();
      this.parts.settler.settle(claim, event.id, wire, { retries: elsewhere, deadLetters, resolved });
    } else {
      this.parts.acks.add(claim);
    }
  }

  settled(claim: OrderedClaim): void {
    if (claim.lost) return;
    this.#deactivate(claim);
    if (claim.unfinished) {
      claim.stored = true;
      claim.deliveries = 1; // as it was stored
      this.#proceed(claim);
    } else {
      const next = this.#lanes.leave(claim);
      if (next) this.#proceed(next);
      this.#resume();
      this.parts.onRoom(this);
    }
  }

  handBack(claim: OrderedClaim): void {
    claim.lose();
    this.#deactivate(claim);
  }

  /** The claim is the first one of its key. */
  #proceed(claim: OrderedClaim): void {
    const { waitMs } = claim;
    if (waitMs > 0) this.#wait(claim, waitMs);
    else this.#start(claim);
  }

  #start(claim: OrderedClaim): void {
    const { suspects } = this.parts;
    if (this.#leaving || (suspects.includes(claim.deliveries) && suspects.any)) return this.#park(claim);
    claim.chosen = true;
    if (claim.counted) this.parts.run(claim);
    else void this.#countAndRun(claim);
  }

  async #countAndRun(claim: OrderedClaim): Promise<void> {
    let ours: boolean;
    try {
      ours = await this.parts.count(claim);
    } catch {
      // Redis is out of reach. Whoever renews the lease reports that, and begins here again.
      return this.#park(claim);
    }
    if (claim.lost) return;
    claim.counted = true;
    if (ours) return this.parts.run(claim);
    const next = this.#lanes.leave(claim);
    if (next) this.#proceed(next);
  }

  #runAgain(claim: OrderedClaim): void {
    this.#deactivate(claim);
    claim.repeat();
    this.#wait(claim, BROKEN_MS);
  }

  #wait(claim: OrderedClaim, ms: number): void {
    const cancel = after(ms, () => {
      this.#timers.delete(claim);
      this.#start(claim);
    });
    this.#timers.set(claim, cancel);
    this.parts.onRoom(this);
  }

  #park(claim: OrderedClaim): void {
    claim.chosen = false;
    if (!claim.lost) this.#parked.add(claim);
  }

  #resume(): void {
    if (this.#leaving || this.#parked.size === 0) return;
    const parked = [...this.#parked];
    this.#parked.clear();
    for (const claim of parked) this.#start(claim);
  }

  #deactivate(claim: OrderedClaim): void {
    claim.chosen = false;
    if (!claim.active) return;
    claim.active = false;
    if (--this.#active === 0) this.#onQuiet?.();
  }
}
