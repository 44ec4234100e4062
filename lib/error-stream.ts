import { Observable, Subject } from 'rxjs';
import type { Event } from './event.js';

/** Trouble that no caller waits for. What an inline handler throws goes to its caller alone. */
export interface EventErrorNotice {
  readonly error: Error;
  /** Absent when the trouble is the backend's own, such as a lost connection. */
  readonly event?: Event;
  readonly handlerId?: string;
  /** Which try failed, from 1. */
  readonly attempt?: number;
  /**
   * What happens next: `retry` after `delayMs`, `deferred` (the handler was not called, and will be tried again after
   * `delayMs`), `dead-letter`, `released` (interrupted, to be delivered again) or `reported` (nothing more).
   */
  readonly action: 'retry' | 'deferred' | 'dead-letter' | 'released' | 'reported';
  /** Exactly the wait before the next try. */
  readonly delayMs?: number;
  readonly at: Date;
}

/**
 * The notices of a bus as an `Observable`, and as an `AsyncIterable` that keeps the newest `errorBufferSize` for a
 * slow reader and drops the oldest beyond that.
 */
export class ErrorStream extends Observable<EventErrorNotice> implements AsyncIterable<EventErrorNotice> {
  readonly #subject: Subject<EventErrorNotice>;

  constructor(private readonly bufferSize: number) {
    const subject = new Subject<EventErrorNotice>();
    super((subscriber) => subject.subscribe(subscriber));
    this.#subject = subject;
  }

  /** @internal */
  notify(notice: EventErrorNotice): void {
    this.#subject.next(notice);
  }

  /** @internal Ends every subscription and iteration. */
  end(): void {
    this.#subject.complete();
  }

  [Symbol.asyncIterator](): AsyncIterator<EventErrorNotice> {
    const waiting: EventErrorNotice[] = [];
    let wakers: (() => void)[] = [];
    let ended = false;
    const settle = () => {
      for (const wake of wakers) wake();
      wakers = [];
    };
    const end = () => {
      ended = true;
      settle();
    };
    const subscription = this.#subject.subscribe({
      next: (notice) => {
        waiting.push(notice);
        if (waiting.length > this.bufferSize) waiting.shift();
        settle();
      },
      complete: end,
    });
    return {
      next: async () => {
        while (waiting.length === 0 && !ended) await new Promise<void>((resolve) => wakers.push(resolve));
        const value = waiting.shift();
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
      return: () => {
        subscription.unsubscribe();
        waiting.length = 0;
        end();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
