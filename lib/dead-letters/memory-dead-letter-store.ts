import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from './dead-letter.js';
import { CLOSED_LIMIT } from './closed-limit.js';
import { cursorAt, type DeadLetterPlace, parseCursor, placeOf } from './dead-letter-cursor.js';
import { deadLetterMatcher, pageLimit } from './dead-letter-matcher.js';
import { joinDeadLetters } from './known-entry.js';

/**
 * Keeps dead letters in this process. Dead entries are never dropped; of those that are resolved or discarded the
 * latest 1000 stay. Every method has taken effect when it returns its promise.
 */
export class MemoryDeadLetterStore implements DeadLetterStore {
  readonly #byId = new Map<string, DeadLetter>();
  /** By time of failure, then by id. */
  readonly #sorted: DeadLetter[] = [];
  /** Ids of resolved and discarded entries, in the order in which they became so. */
  readonly #closed = new Set<string>();

  add(entries: readonly DeadLetter[]): Promise<void> {
    for (const entry of entries) this.#write(entry);
    return Promise.resolve();
  }

  /** Takes an entry as it is, in place of the one of its id, as from a store that is looked at through this one. */
  restore(entry: DeadLetter): void {
    this.#remove(entry.id);
    this.#insert(entry);
    if (isClosed(entry)) this.#close(entry.id);
  }

  get(id: string): Promise<DeadLetter | undefined> {
    return Promise.resolve(this.#byId.get(id));
  }

  /** @throws {EventConfigurationError} when `limit` is not from 1 to 1000, or `cursor` is not one of ours. */
  async list({ limit, cursor, ...filter }: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    const size = pageLimit(limit);
    const matches = deadLetterMatcher(filter);
    const entries: DeadLetter[] = [];
    for (
      let i = cursor === undefined ? 0 : this.#indexAfter(parseCursor(cursor));
      i < this.#sorted.length;
      i++
    ) {
      const entry = this.#sorted[i]!;
      if (!matches(entry)) continue;
      if (entries.length === size) return { entries, cursor: cursorAt(placeOf(entries[size - 1]!)) };
      entries.push(entry);
    }
    return { entries };
  }

  size(): Promise<number> {
    return Promise.resolve(this.#byId.size - this.#closed.size);
  }

  transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    { reason, event, raw, unchangedSince }: DeadLetterChange = {},
  ): Promise<DeadLetter | undefined> {
    const entry = this.#byId.get(id);
    if (entry?.status !== from) return Promise.resolve(undefined);
    if (unchangedSince !== undefined && entry.changedAt > unchangedSince) return Promise.resolve(undefined);
    const { reason: _ofThePreviousChange, ...rest } = entry;
    const changed: DeadLetter = {
      ...rest,
      status: to,
      changedAt: new Date(),
      ...(reason !== undefined && { reason }),
      ...(event !== undefined && { event }),
      ...(raw !== undefined && entry.raw === undefined && { raw }),
    };
    this.#byId.set(id, changed);
    this.#sorted[this.#indexOf(placeOf(entry))] = changed;
    this.#closed.delete(id);
    if (isClosed(changed)) this.#close(id);
    return Promise.resolve(changed);
  }

  take(id: string): Promise<DeadLetter | undefined> {
    const entry = this.#byId.get(id);
    if (entry?.status !== 'dead') return Promise.resolve(undefined);
    this.#remove(id);
    return Promise.resolve(entry);
  }

  purge(filter: DeadLetterFilter): Promise<number> {
    const matches = deadLetterMatcher(filter);
    const found = this.#sorted.filter((entry) => entry.status !== 'retrying' && matches(entry));
    for (const { id } of found) this.#remove(id);
    return Promise.resolve(found.length);
  }

  #write(entry: DeadLetter): void {
    const known = this.#byId.get(entry.id);
    const written = known === undefined ? asDead(entry) : joinDeadLetters(known, entry);
    this.#remove(entry.id);
    this.#insert(written);
    if (isClosed(written)) this.#close(entry.id);
  }

  #insert(entry: DeadLetter): void {
    this.#byId.set(entry.id, entry);
    this.#sorted.splice(this.#indexOf(placeOf(entry)), 0, entry);
  }

  #close(id: string): void {
    this.#closed.add(id);
    if (this.#closed.size <= CLOSED_LIMIT) return;
    const [oldest] = this.#closed;
    this.#remove(oldest!);
  }

  #remove(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    this.#byId.delete(id);
    this.#sorted.splice(this.#indexOf(placeOf(entry)), 1);
    this.#closed.delete(id);
  }

  /** Index of the entry at this place, or of the first one behind it. */
  #indexOf(place: DeadLetterPlace): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(placeOf(this.#sorted[middle]!), place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexAfter(place: DeadLetterPlace): number {
    const index = this.#indexOf(place);
    return this.#sorted[index]?.id === place.id ? index + 1 : index;
  }
}

function asDead(entry: DeadLetter): DeadLetter {
  return entry.status === 'dead' ? entry : { ...entry, status: 'dead' };
}

function isClosed({ status }: DeadLetter): boolean {
  return status === 'resolved' || status === 'discarded';
}

function compare(a: DeadLetterPlace, b: DeadLetterPlace): number {
  if (a.time !== b.time) return a.time - b.time;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
