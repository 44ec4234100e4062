import type { Stored } from '../client.js';
import type { SizedMessage } from './message.js';

/** A record that waits to be stored. */
export interface Entry extends SizedMessage {
  /** By `performance.now()`: it is not tried again after it. */
  readonly deadline: number;
  readonly done: (outcome: Stored | Error) => void;
}

/** Records that are stored together, or not at all. */
export interface Batch {
  readonly entries: readonly Entry[];
  /** Numbers its records for the broker, which so knows a batch that it gets twice. Absent until it is sent. */
  sequence: number | undefined;
}

/** What waits for one partition, and the batch of it that is on its way. */
export class PartitionQueue {
  /** The batch is on its way. */
  sending = false;
  #batch: Batch | undefined;
  #waiting: Entry[] = [];

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly maxBatchBytes: number,
  ) {}

  get empty(): boolean {
    return this.#batch === undefined && this.#waiting.length === 0;
  }

  add(entry: Entry): void {
    this.#waiting.push(entry);
  }

  /** The batch that is to be stored next: the one that was sent before, as long as its outcome is not known. */
  get batch(): Batch {
    if (this.#batch !== undefined) return this.#batch;
    let bytes = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      bytes += entry.bytes;
      if (count > 0 && bytes > this.maxBatchBytes) break;
      count++;
    }
    const entries = this.#waiting;
    this.#waiting = entries.splice(count);
    return (this.#batch = { entries, sequence: undefined });
  }

  /** The outcome of the batch. */
  end(outcome: Stored | Error): void {
    const { entries } = this.batch;
    this.#batch = undefined;
    entries.forEach(({ done }, i) => {
      done(outcome instanceof Error ? outcome : { offset: outcome.offset + BigInt(i) });
    });
  }

  /** Gives up what has no time left. @returns Whether that was a batch that may have been stored. */
  expire(error: Error, now: number): boolean {
    const late = this.#waiting.filter(({ deadline }) => deadline <= now);
    if (late.length > 0) this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
    for (const { done } of late) done(error);
    const sent = this.#batch;
    if (sent === undefined || this.sending || sent.entries.every(({ deadline }) => deadline > now))
      return false;
    this.end(error);
    return sent.sequence !== undefined;
  }

  /** The producer counts anew: the batch gets another number. */
  unnumber(): void {
    if (this.#batch !== undefined) this.#batch.sequence = undefined;
  }
}
