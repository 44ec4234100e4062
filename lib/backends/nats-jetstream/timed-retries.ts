import { insist } from '../../clients/insist.js';
import { ALL_HANDLERS, type DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { Event } from '../../event.js';
import { after } from '../../timer.js';
import type { DispatchOutcome, EventDispatcher, HandlerRetry } from '../backend.js';

/** Retries of broadcast handlers: timers of this process, because nobody else has to make up for it. */
export class TimedRetries {
  readonly #waiting = new Set<() => void>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(
    private readonly dispatch: EventDispatcher,
    private readonly deadLetters: DeadLetterStore,
    private readonly report: (error: Error) => void,
  ) {}

  /** Retries that wait or run. */
  get size(): number {
    return this.#waiting.size + this.#running.size;
  }

  add(event: Event, retry: HandlerRetry): void {
    if (this.#stop.signal.aborted) return;
    const cancel = after(retry.delayMs, () => {
      this.#waiting.delete(cancel);
      const running = this.#run(event, retry).finally(() => this.#running.delete(running));
      this.#running.add(running);
    });
    this.#waiting.add(cancel);
  }

  /** Forgets those that wait, and interrupts those that run. */
  stop(): void {
    this.#stop.abort();
    for (const cancel of this.#waiting) cancel();
    this.#waiting.clear();
  }

  /** Resolves when none runs. */
  async finished(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(event: Event, { handlerId, attempt, attempts, deferrals }: HandlerRetry): Promise<void> {
    const outcome = await this.dispatch(event, {
      audience: 'broadcast',
      attempt,
      attempts,
      deferrals,
      signal: this.#stop.signal,
      ...(handlerId !== ALL_HANDLERS && { handlerId }),
    });
    await this.#follow(event, outcome);
  }

  async #follow(event: Event, { retries, deadLetters, resolved }: DispatchOutcome): Promise<void> {
    for (const retry of retries) this.add(event, retry);
    const { signal } = this.#stop;
    if (deadLetters.length > 0) await insist(() => this.deadLetters.add(deadLetters), signal, this.report);
    for (const id of resolved) {
      const settle = async () => void (await this.deadLetters.transition(id, 'retrying', 'resolved'));
      await insist(settle, signal, this.report);
    }
  }
}
