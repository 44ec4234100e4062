import { assertOption, isNumber } from './checks.js';
import type { DeadLetterFilter, DeadLetterStatus, DeadLetterStore } from './dead-letter.js';
import { pause } from '../timer.js';
import type { DeadLetterRetryOptions, Retrying } from './retrying.js';
import { type DeadLetterSelection, idsOf } from './selection.js';

/** How long a look at an entry that is still being retried waits for the next, in milliseconds. */
const FIRST_LOOK_MS = 25;
const LAST_LOOK_MS = 1000;

/** How {@link DeadLetterQueue.retryFailed} goes about it. */
export interface RetryFailedOptions extends Pick<
  DeadLetterRetryOptions,
  'ratePerSecond' | 'stuckForMs' | 'signal'
> {
  /** Which entries. Default: all that are `dead`. */
  readonly filter?: DeadLetterFilter;
  /** Most times that an entry is retried. Default 5. */
  readonly rounds?: number;
  /** Wait before the second round, in milliseconds. Default 1000. */
  readonly initialBackoffMs?: number;
  /** Each further wait is this many times the one before, 1 or more. Default 2. */
  readonly backoffMultiplier?: number;
  /** Upper limit of every wait, in milliseconds. Default 60,000. */
  readonly maxBackoffMs?: number;
  /** Called after each entry that is settled, and before each wait. */
  readonly onProgress?: (progress: RetryFailedProgress) => void;
}

/** How far {@link DeadLetterQueue.retryFailed} has come. */
export interface RetryFailedProgress {
  /** From 1. */
  readonly round: number;
  /** Entries of this round that are not settled yet. */
  readonly waiting: number;
  /** Of all rounds. */
  readonly resolved: number;
  /** Failed again in this round. */
  readonly dead: number;
  /** The next round begins in so many milliseconds. */
  readonly nextRoundInMs?: number;
}

/** What {@link DeadLetterQueue.retryFailed} achieved. */
export interface RetryFailedResult {
  readonly resolved: number;
  /** Not handled in the last round either, or not handed back. */
  readonly dead: number;
  /** Discarded, retried by somebody else, or not in the store any more: nothing is known of them. */
  readonly gone: number;
  /** Rounds begun. 0 when there was nothing to retry. */
  readonly rounds: number;
}

/** Retries until nothing is left or the rounds are used up. */
export class RetryFailed {
  constructor(
    private readonly store: DeadLetterStore,
    private readonly retrying: Retrying,
  ) {}

  async run(options: RetryFailedOptions = {}): Promise<RetryFailedResult> {
    const { filter = {}, rounds = 5, signal, onProgress, ratePerSecond, stuckForMs } = options;
    const backoff = backoffOf(options);
    let selection: DeadLetterSelection = filter;
    let [round, resolved, gone] = [0, 0, 0];
    for (;;) {
      const { ids, failed } = await this.retrying.retry(selection, { ratePerSecond, stuckForMs, signal });
      const dead = failed.map(({ id }) => id);
      gone += (idsOf(selection)?.length ?? ids.length + dead.length) - ids.length - dead.length;
      if (ids.length + dead.length > 0) round++;
      let waiting = ids.length;
      for (const id of ids) {
        const status = await this.#settled(id, stuckForMs, signal);
        if (status === 'resolved') resolved++;
        else if (status === 'dead' || status === 'retrying') dead.push(id);
        else gone++;
        onProgress?.({ round, waiting: --waiting, resolved, dead: dead.length });
      }
      if (dead.length === 0 || round >= rounds) return { resolved, dead: dead.length, gone, rounds: round };
      const nextRoundInMs = backoff(round);
      onProgress?.({ round, waiting, resolved, dead: dead.length, nextRoundInMs });
      await pause(nextRoundInMs, signal);
      signal?.throwIfAborted();
      selection = dead;
    }
  }

  /**
   * One entry is looked at at a time, and those behind it have been settled meanwhile: few looks are in vain.
   *
   * @returns Its status: `retrying` when it is stuck, `undefined` when it is not there any more.
   */
  async #settled(
    id: string,
    stuckForMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<DeadLetterStatus | undefined> {
    for (let wait = FIRST_LOOK_MS; ; wait = Math.min(wait * 2, LAST_LOOK_MS)) {
      signal?.throwIfAborted();
      const entry = await this.store.get(id);
      if (entry?.status !== 'retrying') return entry?.status;
      if (Date.now() - entry.changedAt.getTime() > (stuckForMs ?? Infinity)) return 'retrying';
      await pause(wait, signal);
    }
  }
}

/** Waits by the number of the round before them, from 1. */
function backoffOf(options: RetryFailedOptions): (round: number) => number {
  const { rounds, initialBackoffMs = 1000, backoffMultiplier = 2, maxBackoffMs = 60_000 } = options;
  const check = (option: string, value: unknown, ok: boolean, rule: string) =>
    assertOption('retryFailed', option, value, ok, rule);
  const milliseconds = 'a number of milliseconds from 0';
  check('rounds', rounds, Number.isInteger(rounds) && rounds! >= 1, 'a whole number from 1');
  check('initialBackoffMs', initialBackoffMs, isNumber(initialBackoffMs, 0), milliseconds);
  check('maxBackoffMs', maxBackoffMs, isNumber(maxBackoffMs, 0), milliseconds);
  check('backoffMultiplier', backoffMultiplier, isNumber(backoffMultiplier, 1), 'a number from 1');
  return (round) => {
    const factor = Math.min(backoffMultiplier ** (round - 1), Number.MAX_VALUE); // 0 times infinity is no wait
    return Math.min(initialBackoffMs * factor, maxBackoffMs);
  };
}
