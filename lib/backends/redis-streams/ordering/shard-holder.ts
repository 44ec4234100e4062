import { within } from '../../../clients/in-time.js';
import { insist } from '../../../clients/insist.js';
import { Periodic } from '../../shared/periodic.js';
import type { ServerClock } from '../server-clock.js';
import type { Shard } from './shard.js';
import type { ShardLog } from './shard-log.js';

const RETRY_MS = 200;
/** Longest time between two looks at who is there. Changes are told at once; this is for those who died. */
const BALANCE_MS = 1000;
/** For no longer than this, what waits in a shard waits for what runs there, so that the shard can go. */
const LEAVE_MS = 5000;
/** After that was in vain, only quiet shards go for a while. */
const PATIENCE_MS = 30_000;

/** The parts that a holder works with. */
export interface ShardHolderParts {
  readonly log: ShardLog;
  readonly clock: ServerClock;
  readonly leaseMs: number;
  readonly open: (index: number, since: string) => Shard;
  /** A shard came. */
  readonly onOpen: (shard: Shard) => void;
  /** Entries were given back because of a shutdown. */
  readonly onHandBack: (entries: number) => void;
  readonly report: (error: Error) => void;
}

/** Has a fair share of the shards of the group. */
export class ShardHolder {
  readonly #shards = new Map<number, Shard>();
  readonly #balancing: Periodic;
  readonly #leaving = new Set<Promise<void>>();
  readonly #closed = new AbortController();
  #stopping = false;
  #patientUntil = -Infinity;

  constructor(private readonly parts: ShardHolderParts) {
    const retryMs = Math.min(RETRY_MS, parts.leaseMs / 3);
    this.#balancing = new Periodic(() => this.#balance(), retryMs, parts.report);
  }

  /** By index. */
  get shards(): ReadonlyMap<number, Shard> {
    return this.#shards;
  }

  /** Looks now who is there and who has what. */
  balance(): void {
    this.#balancing.poke();
  }

  /** Somebody else has it: forgets it. */
  lose(shard: Shard): void {
    if (this.#shards.get(shard.index) === shard) this.#shards.delete(shard.index);
    shard.lose();
  }

  /** Takes no more shards, and gives up each one as soon as nothing runs there. */
  stop(): void {
    this.#stopping = true;
    this.#track(this.#sayGoodbye());
    this.#giveUp([...this.#shards.values()].filter(({ leaving }) => !leaving));
  }

  /** Resolves when none is left; call {@link stop} before. */
  async released(): Promise<void> {
    while (this.#leaving.size > 0) await Promise.all(this.#leaving);
  }

  /** Renews nothing any more. What is left goes to others when its lease ends. */
  async close(): Promise<void> {
    this.#closed.abort();
    // First, because what Redis does not answer may keep the rest waiting, and their timers the process alive.
    for (const shard of this.#shards.values()) shard.lose();
    await this.#balancing.stop();
    await this.released();
  }

  async #balance(): Promise<number> {
    const { log, clock, leaseMs } = this.parts;
    const sentAt = performance.now();
    const { now, share, shards } = await log.hold(!this.#stopping);
    clock.observe(now);
    for (const shard of this.#shards.values()) {
      if (shards.get(shard.index) !== shard.since) this.lose(shard);
    }
    for (const [index, since] of shards) {
      this.#shardOf(index, since).renewed(now + leaseMs, sentAt + leaseMs);
    }
    this.#giveUp(this.#excess(share));
    return Math.min(BALANCE_MS, leaseMs / 3);
  }

  /** What is more than the share; the quiet ones first. */
  #excess(share: number): Shard[] {
    const staying = [...this.#shards.values()].filter(({ leaving }) => !leaving);
    if (this.#stopping) return staying;
    const patient = performance.now() < this.#patientUntil;
    return staying
      .sort((a, b) => a.active - b.active)
      .slice(0, Math.max(0, staying.length - share))
      .filter(({ active }) => active === 0 || !patient);
  }

  #shardOf(index: number, since: string): Shard {
    let shard = this.#shards.get(index);
    if (shard === undefined) {
      this.#shards.set(index, (shard = this.parts.open(index, since)));
      this.parts.onOpen(shard);
    }
    return shard;
  }

  #giveUp(shards: readonly Shard[]): void {
    for (const shard of shards) this.#track(this.#letGo(shard));
  }

  #track(work: Promise<void>): void {
    const leaving = work.finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Others share what this process had, and do not wait until it is missed. */
  async #sayGoodbye(): Promise<void> {
    const { log, report } = this.parts;
    await insist(async () => void (await log.hold(false)), this.#closed.signal, report);
  }

  async #letGo(shard: Shard): Promise<void> {
    const quiet = shard.leave();
    while (!(await within(LEAVE_MS, quiet))) {
      if (this.#stopping) continue;
      this.#patientUntil = performance.now() + PATIENCE_MS;
      return shard.stay();
    }
    if (this.#shards.get(shard.index) !== shard) return;
    const unhandled = shard.empty();
    if (this.#stopping) this.parts.onHandBack(unhandled.length);
    const { log, report } = this.parts;
    await insist(() => log.release(shard.index, unhandled), this.#closed.signal, report);
    if (this.#shards.get(shard.index) === shard) this.#shards.delete(shard.index);
  }
}
