import type { ResolvedCircuitBreaker } from './circuit-breaker-options.js';
import { SlidingWindow } from './circuit-breaker-window.js';

/**
 * - `closed`: calls go through.
 * - `open`: none does, for a time.
 * - `half-open`: a few do, to see how it goes.
 */
export type CircuitState = 'closed' | 'open' | 'half-open';

/**
 * Watches the calls of one handler and says when to leave it in peace. Knows no events and no timers: who asks whether
 * a call may begin tells it in the end what became of the call.
 */
export class CircuitBreaker {
  /** Changes when somebody asks: an open circuit whose time is over is half-open with the next call. */
  state: CircuitState = 'closed';
  /** Results of calls that began before the last change of state say nothing about the present one. */
  epoch = 0;
  readonly #window: SlidingWindow;
  #openUntil = 0;
  /** Calls under way while half-open, and those that have succeeded. */
  #trials = 0;
  #successes = 0;
  #lastTrialAt = 0;

  /**
   * @param now A clock that never goes back, in milliseconds.
   * @param random From 0 up to 1: spreads what comes back.
   */
  constructor(
    readonly options: ResolvedCircuitBreaker,
    private readonly now: () => number,
    private readonly random: () => number = Math.random,
  ) {
    this.#window = new SlidingWindow(options.windowMs);
  }

  /**
   * Asks for one call.
   *
   * @returns 0 when it may begin: then its result is to be told, with the present `epoch`. Otherwise the milliseconds
   *   after which to ask again.
   */
  admit(): number {
    if (this.state === 'closed') return 0;
    const now = this.now();
    const { openMs, halfOpenCalls } = this.options;
    const spreadMs = (this.random() * openMs) / 10;
    if (this.state === 'open') {
      if (now < this.#openUntil) return this.#openUntil - now + spreadMs;
      this.#change('half-open');
    }
    // A trial that takes longer than openMs must not keep the circuit from ever closing: another one is let through.
    if (this.#trials + this.#successes >= halfOpenCalls && now - this.#lastTrialAt < openMs) {
      return openMs / 10 + spreadMs;
    }
    this.#trials++;
    this.#lastTrialAt = now;
    return 0;
  }

  /** @returns Whether the circuit closed with it. */
  succeeded(epoch: number): boolean {
    if (epoch !== this.epoch) return false;
    if (this.state === 'closed') {
      this.#window.add(false, this.now());
      return false;
    }
    this.#trials--;
    if (++this.#successes < this.options.halfOpenCalls) return false;
    this.#change('closed');
    return true;
  }

  /** @returns Whether the circuit, which was closed, opened with it. */
  failed(epoch: number): boolean {
    if (epoch !== this.epoch) return false;
    if (this.state === 'half-open') {
      this.#open();
      return false;
    }
    const now = this.now();
    this.#window.add(true, now);
    const calls = this.#window.calls(now);
    if (calls < this.options.minimumCalls) return false;
    if (this.#window.failures(now) / calls < this.options.failureRate) return false;
    this.#open();
    return true;
  }

  /** The call says nothing about the handler: it did not begin, or was interrupted. */
  abstained(epoch: number): void {
    if (epoch === this.epoch && this.state === 'half-open') this.#trials--;
  }

  #open(): void {
    this.#change('open');
    this.#openUntil = this.now() + this.options.openMs;
  }

  #change(state: CircuitState): void {
    this.state = state;
    this.epoch++;
    this.#trials = 0;
    this.#successes = 0;
    this.#window.clear();
  }
}
