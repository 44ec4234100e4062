import type { Fetched, Position, TopicPartition } from '../../clients/kafka/client.js';
import { after } from '../../timer.js';
import { Claim } from './claim.js';
import { Lanes } from './lanes.js';
import type { Progress } from './progress.js';
import { dueAtOf } from './record.js';

/** Records in memory at most that are done or begun, while an earlier one is not done. Then reading pauses. */
const MOST_IN_VIEW = 2000;
/** Bytes of records in memory at which reading pauses. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Events that wait for a retry in their place at most. Then nothing else of the partition begins. */
const MOST_HELD = 64;

/** What a partition is part of. */
export interface PartitionParts {
  /** The order of keys is kept. */
  readonly ordered: boolean;
  /** Something has become ready. */
  readonly onReady: () => void;
}

/** What this process has of a partition: records that wait for their turn, their key or their time. */
export class Partition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** It is read, and its claims may begin. */
  open = false;
  /** Somebody else has it, or is about to. */
  closed = false;
  readonly #ready: Claim[] = [];
  readonly #lanes = new Lanes();
  readonly #timers = new Map<Claim, () => void>();
  /** Everything that is not done. */
  readonly #claims = new Set<Claim>();
  #bytes = 0;

  constructor(
    { topic, partition }: TopicPartition,
    readonly progress: Progress,
    private readonly parts: PartitionParts,
  ) {
    this.topic = topic;
    this.partition = partition;
  }

  get claims(): ReadonlySet<Claim> {
    return this.#claims;
  }

  /** Claims that could begin now. */
  get ready(): number {
    return this.#ready.length;
  }

  /** Claims that wait for their time. */
  get scheduled(): number {
    return this.#timers.size;
  }

  /** Where to read on; `undefined` while there is enough. */
  get position(): Position | undefined {
    if (!this.open || this.closed) return undefined;
    if (this.progress.size >= MOST_IN_VIEW || this.#bytes >= MOST_BYTES) return undefined;
    const { topic, partition } = this;
    return { topic, partition, offset: this.progress.next };
  }

  /** @param hold What was stored of events that wait for a retry in their place. */
  receive({ records, next }: Fetched, hold: (claim: Claim) => void): void {
    for (const record of records) {
      if (!this.progress.take(record.offset)) continue;
      const key = this.parts.ordered && record.key !== null ? record.key.toString('latin1') : undefined;
      const claim = new Claim(record, this, key);
      this.#claims.add(claim);
      this.#bytes += record.value?.length ?? 0;
      hold(claim);
      if (this.#lanes.enter(claim)) this.#schedule(claim);
    }
    this.progress.pass(next);
    if (this.#ready.length > 0) this.parts.onReady();
  }

  /** The next claim that may begin. */
  next(): Claim | undefined {
    if (this.closed || this.progress.held.size >= MOST_HELD) {
      const retry = this.closed ? -1 : this.#ready.findIndex(({ facts }) => facts !== undefined);
      return retry < 0 ? undefined : this.#ready.splice(retry, 1)[0];
    }
    return this.#ready.shift();
  }

  /** Makes a claim come again when it is due. */
  wait(claim: Claim): void {
    this.#schedule(claim);
  }

  done(claim: Claim): void {
    if (!this.#claims.delete(claim)) return;
    this.#bytes -= claim.record.value?.length ?? 0;
    this.progress.done(claim.offset);
    const next = this.#lanes.leave(claim);
    if (next !== undefined) this.#schedule(next);
  }

  /** Nothing begins any more. */
  close(): void {
    this.closed = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#ready.length = 0;
  }

  /** Now, or when it is due. */
  #schedule(claim: Claim): void {
    const dueAt = claim.held.length > 0 ? claim.held[0]!.dueAt : dueAtOf(claim.record);
    const waitMs = dueAt - Date.now();
    if (waitMs <= 0) return this.#readyNow(claim);
    const cancel = after(Math.ceil(waitMs), () => {
      this.#timers.delete(claim);
      // A timer may be early by the fraction of a millisecond.
      this.#schedule(claim);
    });
    this.#timers.set(claim, cancel);
  }

  #readyNow(claim: Claim): void {
    if (this.closed) return;
    this.#ready.push(claim);
    this.parts.onReady();
  }
}
