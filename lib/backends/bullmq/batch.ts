import type { JobJson } from 'bullmq';
import type { PublishReceipt } from '../backend.js';

/** One round trip carries at most this much, so that Redis works while the next events of a burst are made. */
const MAX_JOBS = 80;
const MAX_CHARS = 1_000_000;

/** A job to be added to the queue of every group. */
export interface NewJob {
  readonly job: JobJson;
  /** The emitter wants to know whether it was there before. */
  readonly deduplicate: boolean;
}

/** What became of a job: whether it was there before, or why it could not be stored. */
export type Added = Error | boolean;

const DUPLICATE: PublishReceipt = Object.freeze({ duplicate: true });

/** A job that somebody waits for. */
export class Addition {
  /** In the queues that have answered. */
  #added: Added | undefined;

  constructor(
    readonly job: JobJson,
    readonly deduplicate: boolean,
    private readonly resolve: (receipt: PublishReceipt | void) => void,
    readonly reject: (error: Error) => void,
  ) {}

  /** Takes note of one queue. A duplicate is one in every queue; stored is what is in all of them. */
  note(added: Added): void {
    const before = this.#added;
    if (before === undefined || added instanceof Error) this.#added = added;
    else if (!(before instanceof Error)) this.#added = before && added;
  }

  settle(): void {
    if (this.#added instanceof Error) this.reject(this.#added);
    else this.resolve(this.#added ? DUPLICATE : undefined);
  }
}

/** Jobs that share a round trip, in the order of their publishing. */
export class Batch {
  readonly additions: Addition[] = [];
  #chars = 0;

  get full(): boolean {
    return this.additions.length >= MAX_JOBS || this.#chars >= MAX_CHARS;
  }

  /** Resolves when every queue has the job. */
  add({ job, deduplicate }: NewJob): Promise<PublishReceipt | void> {
    this.#chars += job.data.length;
    return new Promise((resolve, reject) => {
      this.additions.push(new Addition(job, deduplicate, resolve, reject));
    });
  }

  settle(): void {
    for (const addition of this.additions) addition.settle();
  }

  fail(error: Error): void {
    for (const { reject } of this.additions) reject(error);
  }
}
