import { EventConfigurationError } from '../errors.js';
import type {
  DeadLetter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from './dead-letter.js';
import { deadLetterMatcher, pageLimit } from './dead-letter-matcher.js';

/** Entries that are done with are kept for a look back, up to this many. */
const MAX_CLOSED = 1000;

/** A place in the list. Ids break ties, so that every entry has a place of its own. */
interface Place {
  readonly time: number;
  readonly id: string;
}

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
    for (const entry of entries) {
      this.#remove(entry.id);
      const dead: DeadLetter = entry.status === 'dead' ? entry : { ...entry, status: 'dead' };
      this.#byId.set(entry.id, dead);
      this.#sorted.splice(this.#indexOf(placeOf(dead)), 0, dead);
    }
    return Promise.resolve();
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
      if (entries.length === size) return { entries, cursor: cursorAt(entries[size - 1]!) };
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
    reason?: string,
  ): Promise<DeadLetter | undefined> {
    const entry = this.#byId.get(id);
    if (entry?.status !== from) return Promise.resolve(undefined);
    const changed: DeadLetter = { ...entry, status: to, ...(reason !== undefined && { reason }) };
    this.#byId.set(id, changed);
    this.#sorted[this.#indexOf(placeOf(entry))] = changed;
    this.#closed.delete(id);
    if (to === 'resolved' || to === 'discarded') this.#close(id);
    return Promise.resolve(changed);
  }

  take(id: string): Promise<DeadLetter | undefined> {
    const entry = this.#byId.get(id);
    if (entry?.status !== 'dead') return Promise.resolve(undefined);
    this.#remove(id);
    return Promise.resolve(entry);
  }

  #close(id: string): void {
    this.#closed.add(id);
    if (this.#closed.size <= MAX_CLOSED) return;
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
  #indexOf(place: Place): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(placeOf(this.#sorted[middle]!), place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexAfter(place: Place): number {
    const index = this.#indexOf(place);
    return this.#sorted[index]?.id === place.id ? index + 1 : index;
  }
}

function placeOf({ failedAt, id }: DeadLetter): Place {
  return { time: failedAt.getTime(), id };
}

function compare(a: Place, b: Place): number {
  if (a.time !== b.time) return a.time - b.time;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Names a place, not a number of entries: what is added or removed before it does not shift the next page. */
function cursorAt(entry: DeadLetter): string {
  const { time, id } = placeOf(entry);
  return Buffer.from(`${time} ${id}`).toString('base64url');
}

function parseCursor(cursor: string): Place {
  const [, time, id] = /^(-?\d+) (.+)$/s.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (time === undefined || id === undefined) {
    throw new EventConfigurationError(
      `Dead letters were asked for with cursor = '${cursor}', which no page had. Use the 'cursor' of the page before.`,
    );
  }
  return { time: Number(time), id };
}
