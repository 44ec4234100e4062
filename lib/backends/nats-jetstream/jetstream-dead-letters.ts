import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from '../../dead-letters/dead-letter.js';
import { cursorAt, type DeadLetterPlace, parseCursor } from '../../dead-letters/dead-letter-cursor.js';
import { deadLetterMatcher, pageLimit } from '../../dead-letters/dead-letter-matcher.js';
import { joinDeadLetters, joinEqualIds } from '../../dead-letters/known-entry.js';
import { sideBySide } from '../../clients/side-by-side.js';
import { headMatcher, headOf, headPlace, isOpen, type LetterHead } from './letter-head.js';
import { LetterStream } from './letter-stream.js';
import type { Link } from './link.js';
import { NextPages } from './next-pages.js';
import type { Names } from './names.js';

/** Entries that are done with are kept for a look back, up to this many. */
const MAX_CLOSED = 1000;
/** Requests under way at once: a message may be large. */
const AT_ONCE = 32;

/**
 * Dead letters of a group in a stream with one message per entry. A change of an entry is a message that is only taken
 * when the one it was made from is still the last.
 */
export class JetStreamDeadLetters implements DeadLetterStore {
  readonly #stream: LetterStream;
  readonly #pages = new NextPages();

  /**
   * @param link Connects on first use.
   * @param group Asked late, because it may come from the module.
   */
  constructor(link: () => Promise<Link>, names: Names, group: () => string) {
    this.#stream = new LetterStream(link, names, group);
  }

  async add(entries: readonly DeadLetter[]): Promise<void> {
    await sideBySide(joinEqualIds(entries), AT_ONCE, async (entry) => {
      // Most are new: what is there already is read only then.
      const subject = this.#stream.subjectOf(entry.id);
      if (await this.#stream.write(subject, asDead(entry), 0)) return;
      await this.#change(entry.id, (known) =>
        known === undefined ? asDead(entry) : joinDeadLetters(known, entry),
      );
    });
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    return (await this.#stream.read(this.#stream.subjectOf(id))).entry;
  }

  /** @throws {EventConfigurationError} when `limit` is not from 1 to 1000, or `cursor` is not one of ours. */
  async list({ limit, cursor, ...filter }: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    const size = pageLimit(limit);
    const matches = deadLetterMatcher(filter);
    let last = cursor === undefined ? undefined : parseCursor(cursor);
    let ahead = this.#pages.take(cursor, filter);
    let isFresh = ahead === undefined;
    ahead ??= await this.#placesBehind(last, filter);
    const atLeast = filter.text ? AT_ONCE : 1;
    const entries: DeadLetter[] = [];
    // Bodies are read as far as it takes to fill the page: a text is only found there, and an entry may have changed.
    for (let at = 0; ;) {
      if (at === ahead.length) {
        if (isFresh) return { entries };
        [at, ahead, isFresh] = [0, await this.#placesBehind(last, filter), true];
        continue;
      }
      const places = ahead.slice(at, at + Math.max(atLeast, size + 1 - entries.length));
      const read = await sideBySide(places, AT_ONCE, async ({ id }) => (await this.#stream.read(id)).entry);
      for (const [i, entry] of read.entries()) {
        if (entry !== undefined && matches(entry)) {
          if (entries.length === size) {
            const next = cursorAt(last!);
            this.#pages.keep(next, filter, ahead.slice(at + i));
            return { entries, cursor: next };
          }
          entries.push(entry);
        }
        last = places[i];
      }
      at += places.length;
    }
  }

  async size(): Promise<number> {
    return (await this.#stream.scan()).filter(({ head }) => head !== undefined && isOpen(head)).length;
  }

  transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    { reason, event, raw, unchangedSince }: DeadLetterChange = {},
  ): Promise<DeadLetter | undefined> {
    return this.#change(id, (entry) => {
      if (entry?.status !== from) return undefined;
      if (unchangedSince !== undefined && entry.changedAt > unchangedSince) return undefined;
      const { reason: _ofThePreviousChange, ...rest } = entry;
      return {
        ...rest,
        status: to,
        changedAt: new Date(),
        ...(reason !== undefined && { reason }),
        ...(event !== undefined && { event }),
        ...(raw !== undefined && entry.raw === undefined && { raw }),
      };
    });
  }

  take(id: string): Promise<DeadLetter | undefined> {
    return this.#remove(this.#stream.subjectOf(id), (entry) => entry.status === 'dead');
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    const matches = deadLetterMatcher(filter);
    const wanted = (entry: DeadLetter) => entry.status !== 'retrying' && matches(entry);
    const found = (await this.#heads(filter)).filter(({ status }) => status !== 'retrying');
    const removed = await sideBySide(found, AT_ONCE, ({ subject }) => this.#remove(subject, wanted));
    return removed.filter((entry) => entry !== undefined).length;
  }

  /** Deletes what was closed before the latest thousand, and marks of what was taken out. */
  async prune(): Promise<void> {
    const all = await this.#stream.scan();
    const closed = all.filter(({ head }) => head !== undefined && !isOpen(head));
    const marks = all.filter(({ head }) => head === undefined);
    const done = [...closed.slice(0, -MAX_CLOSED), ...marks];
    await sideBySide(done, AT_ONCE, ({ seq }) => this.#stream.erase(seq));
  }

  /** What comes behind a place, or everything, in order. */
  async #placesBehind(
    place: DeadLetterPlace | undefined,
    filter: DeadLetterFilter,
  ): Promise<DeadLetterPlace[]> {
    const places = (await this.#heads(filter)).map(headPlace);
    return places.filter((each) => place === undefined || compare(each, place) > 0).sort(compare);
  }

  /** Heads that a filter finds, as far as heads can tell, all with their facts. */
  async #heads(filter: DeadLetterFilter): Promise<LetterHead[]> {
    const matches = headMatcher(filter);
    const found = (await this.#stream.scan()).flatMap(({ head }) => (head && matches(head) ? head : []));
    const bare = found.filter(({ facts }) => facts === undefined);
    if (bare.length === 0) return found;
    const read = await sideBySide(bare, AT_ONCE, async ({ subject }) => {
      const { entry } = await this.#stream.read(subject);
      return entry === undefined ? [] : headOf(subject, entry);
    });
    return [...found.filter(({ facts }) => facts !== undefined), ...read.flat().filter(matches)];
  }

  /** Writes what `change` makes of an entry, unless that is nothing. Tries again when somebody else was first. */
  async #change(
    id: string,
    change: (known: DeadLetter | undefined) => DeadLetter | undefined,
  ): Promise<DeadLetter | undefined> {
    const subject = this.#stream.subjectOf(id);
    for (;;) {
      const { entry, seq } = await this.#stream.read(subject);
      const changed = change(entry);
      if (changed === undefined || (await this.#stream.write(subject, changed, seq))) return changed;
    }
  }

  async #remove(subject: string, wanted: (entry: DeadLetter) => boolean): Promise<DeadLetter | undefined> {
    for (;;) {
      const { entry, seq } = await this.#stream.read(subject);
      if (entry === undefined || !wanted(entry)) return undefined;
      if (!(await this.#stream.write(subject, undefined, seq))) continue;
      // Who took it out has it now, and nobody else: a mark that stays is pruned some time.
      await this.#eraseMark(subject).catch(() => undefined);
      return entry;
    }
  }

  /** The mark said who was first; without it the subject is as if it had never been. */
  async #eraseMark(subject: string): Promise<void> {
    const mark = await this.#stream.read(subject);
    if (mark.entry === undefined && mark.seq > 0) await this.#stream.erase(mark.seq);
  }
}

function asDead(entry: DeadLetter): DeadLetter {
  return entry.status === 'dead' ? entry : { ...entry, status: 'dead' };
}

function compare(a: DeadLetterPlace, b: DeadLetterPlace): number {
  if (a.time !== b.time) return a.time - b.time;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
