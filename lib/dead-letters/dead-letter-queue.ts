import type { Delivery } from '../backends/backend.js';
import type { Event } from '../event.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
} from './dead-letter.js';

/** Which entries an action is for: one id, several, or all that a filter finds. */
export type DeadLetterSelection = string | readonly string[] | DeadLetterFilter;

/** How many entries an action changed, and which. Entries that were not `dead` any more are left out. */
export interface DeadLetterActionResult {
  readonly count: number;
  readonly ids: readonly string[];
}

/**
 * The dead letters of a bus. Every action is a compare-and-set on the entry: when two operators retry the same one
 * at once, it runs once.
 */
export class DeadLetterQueue {
  /** @internal */
  constructor(
    private readonly store: DeadLetterStore,
    private readonly redeliver: (event: Event, delivery: Delivery) => Promise<void>,
  ) {}

  /**
   * One page of entries, oldest failure first.
   *
   * @throws {EventConfigurationError} when `limit` is not from 1 to 1000.
   */
  list(query?: DeadLetterQuery): Promise<DeadLetterPage> {
    return this.store.list(query);
  }

  get(id: string): Promise<DeadLetter | undefined> {
    return this.store.get(id);
  }

  /** Entries that wait for an operator or are being retried. */
  size(): Promise<number> {
    return this.store.size();
  }

  /**
   * Hands entries back to the handler that failed, and to no other. A success resolves the entry; a failure, after
   * the handler's own retries, returns it with its whole history.
   *
   * @returns Once the deliveries are enqueued, not when they are handled.
   */
  retry(selection: DeadLetterSelection): Promise<DeadLetterActionResult> {
    return this.#forEach(selection, (id) => this.#retryOne(id));
  }

  /**
   * Gives entries up. They stay listed under status `discarded`, within the store's bound for closed entries.
   *
   * @param reason Kept with the entry.
   */
  discard(selection: DeadLetterSelection, reason?: string): Promise<DeadLetterActionResult> {
    return this.#forEach(
      selection,
      async (id) => (await this.store.transition(id, 'dead', 'discarded', reason)) !== undefined,
    );
  }

  /** Takes all dead entries out and hands them to the caller, who alone has them from then on. */
  async drain(): Promise<DeadLetter[]> {
    const drained: DeadLetter[] = [];
    for await (const id of this.#ids({})) {
      const entry = await this.store.take(id);
      if (entry !== undefined) drained.push(entry);
    }
    return drained;
  }

  async #retryOne(id: string): Promise<boolean> {
    if (this.store.requeue !== undefined) return this.store.requeue(id);
    const entry = await this.store.transition(id, 'dead', 'retrying');
    if (entry === undefined) return false;
    const { event, handlerId, attempts } = entry;
    try {
      await this.redeliver(event, { handlerId, attempts, deadLetterId: id, redelivered: true });
    } catch (error) {
      await this.store.transition(id, 'retrying', 'dead');
      throw error;
    }
    return true;
  }

  async #forEach(
    selection: DeadLetterSelection,
    act: (id: string) => Promise<boolean>,
  ): Promise<DeadLetterActionResult> {
    const ids: string[] = [];
    for await (const id of this.#ids(selection)) {
      if (await act(id)) ids.push(id);
    }
    return { count: ids.length, ids };
  }

  /** A filter is walked page by page, so its size is no matter; only `dead` entries can be acted on. */
  async *#ids(selection: DeadLetterSelection): AsyncIterable<string> {
    if (typeof selection === 'string') return yield selection;
    if (isIdList(selection)) return yield* selection;
    let cursor: string | undefined;
    do {
      const page: DeadLetterPage = await this.store.list({ ...selection, status: 'dead', cursor });
      yield* page.entries.map(({ id }) => id);
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

function isIdList(selection: readonly string[] | DeadLetterFilter): selection is readonly string[] {
  return Array.isArray(selection);
}
