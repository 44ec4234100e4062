import type { Delivery } from '../backends/backend.js';
import { toError } from '../dispatch/failure.js';
import type { Event } from '../event.js';
import { assertOption, isNumber } from './checks.js';
import type { DeadLetter, DeadLetterChange, DeadLetterStatus, DeadLetterStore } from './dead-letter.js';
import { Pace } from './pace.js';
import { type DeadLetterSelection, entriesOf, idsOf } from './selection.js';

/** How far a retry has come. */
export interface DeadLetterRetryProgress {
  /** Entries looked at. */
  readonly done: number;
  /** Of these, handed back to their handlers; with `dryRun`, those that would be. */
  readonly retried: number;
  /** Entries to look at, where ids were given. */
  readonly total?: number;
}

/** How {@link DeadLetterQueue.retry} goes about it. */
export interface DeadLetterRetryOptions {
  /** At most so many per second, evenly. Default: no limit. */
  readonly ratePerSecond?: number;
  /** Only tells what would be retried, and changes nothing. Default false. */
  readonly dryRun?: boolean;
  /** Also takes entries that are `retrying` for so many milliseconds: the process that had them may have died. */
  readonly stuckForMs?: number;
  /** Stops before the next entry; the call rejects with its reason. What was handed back stays so. */
  readonly signal?: AbortSignal;
  /** Called after each entry. */
  readonly onProgress?: (progress: DeadLetterRetryProgress) => void;
}

/** What {@link DeadLetterQueue.retry} did. */
export interface DeadLetterRetryResult {
  readonly count: number;
  /** Those handed back to their handlers. Entries that were not `dead` any more are in neither list. */
  readonly ids: readonly string[];
  /** Those that could not be handed back. They are as before. */
  readonly failed: readonly { readonly id: string; readonly error: Error }[];
}

/** Hands a delivery to the handlers that this bus has, or to its backend. */
export type Redeliver = (event: Event, delivery: Delivery) => Promise<void>;

/** Hands entries back to the handlers that failed. */
export class Retrying {
  constructor(
    private readonly store: DeadLetterStore,
    private readonly redeliver: Redeliver,
  ) {}

  async retry(
    selection: DeadLetterSelection,
    options: DeadLetterRetryOptions = {},
  ): Promise<DeadLetterRetryResult> {
    assertOptions(options);
    const { ratePerSecond, dryRun = false, stuckForMs, signal, onProgress } = options;
    const stuckSince = stuckForMs === undefined ? undefined : new Date(Date.now() - stuckForMs);
    const act = dryRun ? this.#wouldTake : this.#take;
    const pace = new Pace(dryRun ? undefined : ratePerSecond);
    const total = idsOf(selection)?.length;
    const ids = new Set<string>();
    const failed: { id: string; error: Error }[] = [];
    let done = 0;
    for await (const [id, known] of this.#candidates(selection, stuckSince)) {
      // One that failed again at once has a new place in the list, behind this one.
      if (ids.has(id)) continue;
      await pace.next(signal);
      signal?.throwIfAborted();
      try {
        if (await act(id, stuckSince, known)) ids.add(id);
      } catch (thrown) {
        if (typeof selection === 'string') throw thrown;
        failed.push({ id, error: toError(thrown) });
      }
      done++;
      onProgress?.({ done, retried: ids.size, ...(total !== undefined && { total }) });
    }
    return { count: ids.size, ids: [...ids], failed };
  }

  /**
   * Moves an entry to `retrying` and enqueues its delivery.
   *
   * @returns `false` when the entry was in another status.
   */
  async enqueue(id: string, from: DeadLetterStatus, change?: DeadLetterChange): Promise<boolean> {
    if (this.store.requeue !== undefined) return this.store.requeue(id, from, change);
    const entry = await this.store.transition(id, from, 'retrying', change);
    if (entry === undefined) return false;
    const { event, handlerId, attempts, raw } = entry;
    const delivery = { handlerId, attempts, deadLetterId: id, redelivered: true, ...(raw && { raw }) };
    try {
      await this.redeliver(event, delivery);
    } catch (error) {
      await this.#putBack(id, error);
      throw error;
    }
    return true;
  }

  async #putBack(id: string, error: unknown): Promise<void> {
    try {
      await this.store.transition(id, 'retrying', 'dead');
    } catch (second) {
      throw new AggregateError(
        [error, second],
        `Dead letter '${id}' could not be handed back, and its store does not answer: it may be left 'retrying'. Retry it with 'stuckForMs'.`,
        { cause: second },
      );
    }
  }

  async *#candidates(
    selection: DeadLetterSelection,
    stuckSince: Date | undefined,
  ): AsyncGenerator<[id: string, known?: DeadLetter], void> {
    const ids = idsOf(selection);
    if (ids !== undefined) return yield* ids.map((id): [string] => [id]);
    const status: DeadLetterStatus[] = stuckSince === undefined ? ['dead'] : ['dead', 'retrying'];
    for await (const entry of entriesOf(this.store, { ...(selection as object), status })) {
      if (isOpenTo(entry, stuckSince)) yield [entry.id, entry];
    }
  }

  readonly #take = async (id: string, stuckSince: Date | undefined, known?: DeadLetter): Promise<boolean> => {
    if (known?.status !== 'retrying' && (await this.enqueue(id, 'dead'))) return true;
    if (stuckSince === undefined) return false;
    return this.enqueue(id, 'retrying', { unchangedSince: stuckSince });
  };

  readonly #wouldTake = async (id: string, stuckSince: Date | undefined, known?: DeadLetter) => {
    const entry = known ?? (await this.store.get(id));
    return entry !== undefined && isOpenTo(entry, stuckSince);
  };
}

function isOpenTo({ status, changedAt }: DeadLetter, stuckSince: Date | undefined): boolean {
  return status === 'dead' || (status === 'retrying' && stuckSince !== undefined && changedAt <= stuckSince);
}

function assertOptions({ ratePerSecond, stuckForMs }: DeadLetterRetryOptions): void {
  const rate = isNumber(ratePerSecond, Number.MIN_VALUE);
  assertOption('retry', 'ratePerSecond', ratePerSecond, rate, 'a number above 0');
  assertOption('retry', 'stuckForMs', stuckForMs, isNumber(stuckForMs, 1), 'a number of milliseconds from 1');
}
