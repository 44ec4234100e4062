import { assertOption } from './checks.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
} from './dead-letter.js';
import { formatLine } from './dead-letter-line.js';
import { editedEvent, type EventKnowledge, rawMessageOf } from './edited-event.js';
import { countGroups } from './groups.js';
import { type DeadLetterImportResult, importLines } from './import-lines.js';
import { RetryFailed, type RetryFailedOptions, type RetryFailedResult } from './retry-failed.js';
import {
  type DeadLetterRetryOptions,
  type DeadLetterRetryResult,
  type Redeliver,
  Retrying,
} from './retrying.js';
import { assertSelection, type DeadLetterSelection, entriesOf, idsOf } from './selection.js';

/** How many entries an action changed, and which. Entries that were not `dead` any more are left out. */
export interface DeadLetterActionResult {
  readonly count: number;
  readonly ids: readonly string[];
}

/** Which entries to purge, beside their age. Default `status`: `resolved` and `discarded`. */
export type DeadLetterPurgeOptions = Omit<DeadLetterFilter, 'until'>;

/**
 * The dead letters of a bus. Every action is a compare-and-set on the entry: when two operators retry the same one
 * at once, it runs once. Every method that takes a filter rejects with an EventConfigurationError for a field that it
 * does not know.
 */
export class DeadLetterQueue {
  readonly #retrying: Retrying;

  /** @internal */
  constructor(
    private readonly store: DeadLetterStore,
    redeliver: Redeliver,
    private readonly knowledge: EventKnowledge,
  ) {
    this.#retrying = new Retrying(store, redeliver);
  }

  /**
   * One page of entries, oldest failure first.
   *
   * @throws {EventConfigurationError} when `limit` is not from 1 to 1000, or `cursor` is none of a page.
   */
  async list(query: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    assertSelection('list', query);
    return this.store.list(query);
  }

  get(id: string): Promise<DeadLetter | undefined> {
    return this.store.get(id);
  }

  /** Entries that wait for an operator or are being retried. */
  size(): Promise<number> {
    return this.store.size();
  }

  /** Counts entries by fingerprint, which is one kind of failure each: the largest group first. */
  async groups(filter: DeadLetterFilter = {}): Promise<DeadLetterGroup[]> {
    assertSelection('groups', filter);
    return this.store.groups?.(filter) ?? countGroups(this.store, filter);
  }

  /**
   * Hands entries back to the handler that failed, and to no other. A success resolves the entry; a failure, after
   * the handler's own retries, returns it with its whole history.
   *
   * @returns Once the deliveries are enqueued, not when they are handled. One that cannot be enqueued does not stop
   *   the others: it is in `failed`.
   * @throws (rejects with) what went wrong when one id was given, or the store cannot be read; the reason of `signal`.
   * @throws {EventConfigurationError} when an option is out of range.
   */
  async retry(
    selection: DeadLetterSelection,
    options?: DeadLetterRetryOptions,
  ): Promise<DeadLetterRetryResult> {
    assertSelection('retry', selection);
    return this.#retrying.retry(selection, options);
  }

  /**
   * Gives an entry's event other data and retries it, in one step. The event keeps its id; what it was before stays in
   * the entry as `raw`.
   *
   * @param data Checked against the event's schema, in its present version, as `emit*` would. An entry of type
   *   `unreadable` holds no event; give a whole one: an `Event`, its JSON form or a CloudEvent, also as text.
   * @returns A count of 0 when the entry is not there or not `dead`.
   * @throws {EventValidationError} and changes nothing. @throws {EventSerializationError} likewise.
   */
  async editAndRetry(id: string, data: unknown): Promise<DeadLetterActionResult> {
    const entry = await this.store.get(id);
    if (entry?.status !== 'dead') return { count: 0, ids: [] };
    const event = await editedEvent(entry, data, this.knowledge);
    const raw = entry.raw ?? rawMessageOf(entry.event);
    const retried = await this.#retrying.enqueue(id, 'dead', { event, raw });
    return retried ? { count: 1, ids: [id] } : { count: 0, ids: [] };
  }

  /**
   * Retries what the filter finds, waits until each entry is settled, and retries those that failed again after a
   * wait that grows, until none is left or the rounds are used up. While an entry is `retrying` it is waited for,
   * however long that takes; `signal` and `stuckForMs` limit it.
   *
   * @throws (rejects with) the reason of `signal`, or what the store says when it cannot be read.
   * @throws {EventConfigurationError} when an option is out of range.
   */
  async retryFailed(options: RetryFailedOptions = {}): Promise<RetryFailedResult> {
    assertSelection('retryFailed', options.filter ?? {});
    return new RetryFailed(this.store, this.#retrying).run(options);
  }

  /**
   * Gives entries up. They stay listed under status `discarded`, within the store's bound for closed entries. One that
   * fails again, because its event came a second time, stays `discarded`.
   *
   * @param reason Kept with the entry.
   */
  async discard(selection: DeadLetterSelection, reason?: string): Promise<DeadLetterActionResult> {
    assertSelection('discard', selection);
    const ids: string[] = [];
    for await (const id of this.#deadIds(selection)) {
      if ((await this.store.transition(id, 'dead', 'discarded', { reason })) !== undefined) ids.push(id);
    }
    return { count: ids.length, ids };
  }

  /**
   * Deletes entries for good. Only closed ones, unless `status` says `dead`; never those that are being retried.
   *
   * @param olderThan They failed before.
   * @returns How many entries that were.
   * @throws {EventConfigurationError} when `olderThan` is not a date.
   */
  async purge(
    olderThan: Date,
    { status = ['resolved', 'discarded'], ...filter }: DeadLetterPurgeOptions = {},
  ): Promise<number> {
    const isDate = olderThan instanceof Date && !Number.isNaN(olderThan.getTime());
    assertOption('purge', 'olderThan', olderThan ?? null, isDate, 'a valid Date');
    assertSelection('purge', { ...filter, status });
    return this.store.purge({ ...filter, status, until: olderThan });
  }

  /**
   * Takes all dead entries out and hands them to the caller, who alone has them from then on. When the store fails
   * meanwhile, those that are out are handed over, and the rest stays: {@link size} tells.
   *
   * @throws (rejects with) what the store says when it fails before the first entry is out.
   */
  async drain(): Promise<DeadLetter[]> {
    const drained: DeadLetter[] = [];
    try {
      for await (const id of this.#deadIds({})) {
        const entry = await this.store.take(id);
        if (entry !== undefined) drained.push(entry);
      }
    } catch (error) {
      if (drained.length === 0) throw error; // whoever asks again is told; what is out would be lost
    }
    return drained;
  }

  /**
   * Writes entries as lines of JSON, complete, without an end of line. An entry that fails again meanwhile may come
   * twice; {@link import} takes the longer history.
   *
   * @param filter Default: entries that are `dead` or `retrying`.
   * @throws {EventSerializationError} when the data of an event cannot be JSON, as it may in memory.
   *
   * @example
   * for await (const line of bus.deadLetters.export()) file.write(line + '\n');
   */
  async *export(filter: DeadLetterFilter = {}): AsyncGenerator<string, void> {
    assertSelection('export', filter);
    for await (const entry of entriesOf(this.store, filter)) yield formatLine(entry);
  }

  /**
   * Reads lines that {@link export} wrote. Entries that were `dead` or `retrying` come in as `dead`. Left out are those
   * that were resolved or discarded, those that this store has with the same or a longer history, and those that are
   * not `dead` here. Reading the same lines again changes nothing.
   *
   * @param lines One entry each, such as `node:readline` makes of a file; at most 16 Mi characters long.
   * @returns Which lines could not be read, and why: they stop nothing.
   */
  import(lines: Iterable<string> | AsyncIterable<string>): Promise<DeadLetterImportResult> {
    return importLines(this.store, lines);
  }

  /** Ids that were given, or those of the `dead` entries that a filter finds: only such can be acted on. */
  async *#deadIds(selection: DeadLetterSelection): AsyncGenerator<string, void> {
    const ids = idsOf(selection);
    if (ids !== undefined) return yield* ids;
    for await (const { id } of entriesOf(this.store, {
      ...(selection as DeadLetterFilter),
      status: 'dead',
    })) {
      yield id;
    }
  }
}
