import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from '../../dead-letters/dead-letter.js';
import { ALL_HANDLERS, UNREADABLE_EVENT } from '../../dead-letters/dead-letter.js';
import { cursorAt, placeOf } from '../../dead-letters/dead-letter-cursor.js';
import { pageLimit } from '../../dead-letters/dead-letter-matcher.js';
import { joinDeadLetters } from '../../dead-letters/known-entry.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type { RowFacts } from '../queue-table/queue-table.js';
import type { Database } from './database.js';
import { DeadLetterRows } from './dead-letter-rows.js';

/** Dead letters of one group, in the file of its events. What is not async is part of somebody's transaction. */
export class SqliteDeadLetters implements DeadLetterStore {
  readonly #rows: DeadLetterRows;

  /**
   * @param opened Opens the file on first use.
   * @param enqueue Adds a delivery for the group.
   */
  constructor(
    private readonly database: Database,
    table: string,
    group: () => string,
    private readonly opened: () => Promise<void>,
    private readonly enqueue: (wire: string, eventId: string, facts: RowFacts) => void,
  ) {
    this.#rows = new DeadLetterRows(database, table, group);
  }

  add(entries: readonly DeadLetter[]): Promise<void> {
    return this.#write(() => this.store(entries));
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    await this.opened();
    return this.#rows.read(id);
  }

  async list({ cursor, limit, ...filter }: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    await this.opened();
    const most = pageLimit(limit);
    const entries: DeadLetter[] = [];
    for (const entry of this.#rows.found(filter, cursor)) {
      if (entries.length === most) return { entries, cursor: cursorAt(placeOf(entries.at(-1)!)) };
      entries.push(entry);
    }
    return { entries };
  }

  async size(): Promise<number> {
    await this.opened();
    return this.#rows.size();
  }

  transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    change?: DeadLetterChange,
  ): Promise<DeadLetter | undefined> {
    return this.#write(() => this.move(id, from, to, change));
  }

  take(id: string): Promise<DeadLetter | undefined> {
    return this.#write(() => {
      const entry = this.#rows.read(id);
      if (entry?.status !== 'dead') return undefined;
      this.#rows.remove(id);
      return entry;
    });
  }

  purge(filter: DeadLetterFilter): Promise<number> {
    return this.#write(() => {
      const found = [...this.#rows.found(filter)].filter(({ status }) => status !== 'retrying');
      for (const { id } of found) this.#rows.remove(id);
      return found.length;
    });
  }

  requeue(id: string, from: DeadLetterStatus = 'dead', change?: DeadLetterChange): Promise<boolean> {
    return this.#write(() => {
      const entry = this.move(id, from, 'retrying', change);
      if (entry === undefined) return false;
      const { event, handlerId, attempts, raw } = entry;
      const facts = { attempts, deadLetterId: id, ...(handlerId !== ALL_HANDLERS && { handlerId }) };
      // What was unreadable comes back as it was, unless an operator has mended it.
      const unreadable = event.type === UNREADABLE_EVENT && change?.event === undefined && raw !== undefined;
      this.enqueue(unreadable ? raw.body : encodeEvent(event), event.id, facts);
      return true;
    });
  }

  /** Writes entries within a transaction. */
  store(entries: readonly DeadLetter[]): void {
    for (const entry of entries) {
      const known = this.#rows.read(entry.id);
      this.#rows.put(known === undefined ? { ...entry, status: 'dead' } : joinDeadLetters(known, entry));
    }
  }

  /** Changes a status within a transaction. */
  move(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    { reason, event, raw, unchangedSince }: DeadLetterChange = {},
  ): DeadLetter | undefined {
    const entry = this.#rows.read(id);
    if (entry?.status !== from) return undefined;
    if (unchangedSince !== undefined && entry.changedAt > unchangedSince) return undefined;
    const changed: DeadLetter = {
      ...entry,
      status: to,
      changedAt: new Date(),
      ...(reason !== undefined && { reason }),
      ...(event !== undefined && { event }),
      ...(raw !== undefined && entry.raw === undefined && { raw }),
    };
    this.#rows.put(changed);
    if (to === 'resolved' || to === 'discarded') this.#rows.forgetOldest();
    return changed;
  }

  async #write<T>(work: () => T): Promise<T> {
    await this.opened();
    return this.database.transaction(work);
  }
}
