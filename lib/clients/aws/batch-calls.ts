// Not the global, so that the fake timers of a test do not stop it.
import { setImmediate } from 'node:timers';
import { isMissing, isPassing } from './failures.js';

/** Entries that one call takes, everywhere in SQS and SNS. */
const MOST = 10;
/** Calls under way at once. */
const CALLS = 16;

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How entries are sent. */
export interface BatchCall<T> {
  /** The results of items are at their places; where there is none, the item was taken. */
  readonly call: (items: readonly T[]) => Promise<readonly (Error | undefined)[]>;
  /** Bytes of an item. Default: they do not count. */
  readonly sizeOf?: (item: T) => number;
  /** Bytes of all entries of a call. */
  readonly mostBytes?: number;
}

/**
 * Sends what is asked for within one turn of the event loop in calls of ten entries, several at once. There is no timer,
 * so nobody waits for company.
 */
export class BatchCalls<T> {
  #waiting: Waiting<T>[] = [];
  #calls = 0;
  #due = false;
  #size = 0;

  constructor(private readonly parts: BatchCall<T>) {}

  /** Entries that are not answered yet. */
  get size(): number {
    return this.#size;
  }

  /** Resolves when this entry was taken; rejects with the reason why it was not, which says nothing about others. */
  add(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#size++;
      this.#waiting.push({ item, resolve, reject });
      if (this.#due) return;
      this.#due = true;
      setImmediate(() => {
        this.#due = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#calls < CALLS) void this.#send(this.#next());
  }

  #next(): Waiting<T>[] {
    const { sizeOf, mostBytes = Infinity } = this.parts;
    let count = Math.min(MOST, this.#waiting.length);
    if (sizeOf !== undefined) {
      let bytes = sizeOf(this.#waiting[0]!.item);
      let fitting = 1;
      while (fitting < count && (bytes += sizeOf(this.#waiting[fitting]!.item)) <= mostBytes) fitting++;
      count = fitting;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(batch: readonly Waiting<T>[]): Promise<void> {
    this.#calls++;
    try {
      await this.#call(batch);
    } finally {
      this.#calls--;
      this.#flush();
    }
  }

  async #call(batch: readonly Waiting<T>[]): Promise<void> {
    let results: readonly (Error | undefined)[];
    try {
      results = await this.parts.call(batch.map(({ item }) => item));
    } catch (error) {
      // A call may be refused because of one entry: the others are not to suffer from it.
      if (batch.length > 1 && !isPassing(error) && !isMissing(error)) {
        for (const each of batch) await this.#call([each]);
        return;
      }
      results = batch.map(() => error as Error);
    }
    this.#size -= batch.length;
    batch.forEach(({ resolve, reject }, i) => {
      const error = results[i];
      if (error === undefined) resolve();
      else reject(error);
    });
  }
}
