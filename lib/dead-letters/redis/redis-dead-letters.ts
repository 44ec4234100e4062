import type { RedisConnection } from '../../clients/redis/connection.js';
import { newToken, receiptBeside } from '../../clients/redis/receipt.js';
import type { Script } from '../../clients/redis/script.js';
import { inTime } from '../../clients/redis/waiting.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type {
  DeadLetter,
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStatus,
  DeadLetterStore,
} from '../dead-letter.js';
import { cursorAt, parseCursor, placeOf } from '../dead-letter-cursor.js';
import { deadLetterMatcher, pageLimit } from '../dead-letter-matcher.js';
import { joinDeadLetters, joinEqualIds } from '../known-entry.js';
import { CLOSED_LIMIT } from '../closed-limit.js';
import { deadKeys, type DeadLetterKeys, decodeDeadLetter, encodeDeadLetter } from './codec.js';
import {
  DEAD_ADD,
  DEAD_GET,
  DEAD_KNOWN,
  DEAD_PAGE,
  DEAD_REMOVE,
  DEAD_SIZE,
  DEAD_TAKE,
  DEAD_TAKEN,
  DEAD_TRANSITION,
} from './scripts.js';

/** Entries looked at per call. */
const PAGE = 200;

/** What is appended to a stream in one step with a change of status. */
export interface Enqueued {
  readonly stream: string;
  readonly fields: readonly (string | Buffer)[];
}

/** Dead letters in Redis. Entries that are resolved or discarded stay until 1,000 newer ones are. */
export class RedisDeadLetters implements DeadLetterStore {
  /** @param keys Asked late, because the group may come from the module. */
  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: () => DeadLetterKeys,
    private readonly timeoutMs: number,
  ) {}

  async add(entries: readonly DeadLetter[]): Promise<void> {
    const all = joinEqualIds(entries);
    for (let i = 0; i < all.length; i += PAGE) await this.#write(all.slice(i, i + PAGE));
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    return (await this.#read(id))?.entry;
  }

  async list({ cursor, limit, ...filter }: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    const most = pageLimit(limit);
    let [from, after] = [filter.since ? String(filter.since.getTime()) : '-inf', ''];
    if (cursor !== undefined) {
      const { time, id } = parseCursor(cursor);
      [from, after] = [String(time), id];
    }
    const to = filter.until ? `(${filter.until.getTime()}` : '+inf';
    const matches = deadLetterMatcher(filter);
    const entries: DeadLetter[] = [];
    for (;;) {
      const page = (await this.#run(DEAD_PAGE, [from, to, after, PAGE])) as string[];
      for (let i = 0; i < page.length; i += 4) {
        const entry = decodeDeadLetter(page[i + 2]!, page[i + 3]!);
        if (!matches(entry)) continue;
        if (entries.length === most) return { entries, cursor: cursorAt(placeOf(entries.at(-1)!)) };
        entries.push(entry);
      }
      if (page.length < PAGE * 4) return { entries };
      from = page.at(-4)!;
      after = page.at(-3)!;
    }
  }

  async size(): Promise<number> {
    return (await this.#run(DEAD_SIZE, [])) as number;
  }

  transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    change: DeadLetterChange = {},
  ): Promise<DeadLetter | undefined> {
    return this.change(id, from, to, change);
  }

  async take(id: string): Promise<DeadLetter | undefined> {
    const token = newToken();
    const taken = (await this.#run(DEAD_TAKE, [id, token])) as [string, string] | null;
    if (taken === null) return undefined;
    // The caller has it now. Where that is not heard of, it stays, and looks like one whose retry has got stuck.
    await this.#run(DEAD_TAKEN, [id, token]).catch(() => undefined);
    return decodeDeadLetter(...taken);
  }

  async purge(filter: DeadLetterFilter): Promise<number> {
    let purged = 0;
    let cursor: string | undefined;
    do {
      const page: DeadLetterPage = await this.list({ ...filter, cursor, limit: PAGE });
      const ids = page.entries.map(({ id }) => id);
      if (ids.length > 0) purged += (await this.#run(DEAD_REMOVE, ids)) as number;
      cursor = page.cursor;
    } while (cursor !== undefined);
    return purged;
  }

  /**
   * Changes the status of an entry, and in the same step what `enqueue` makes of the changed entry is appended to its
   * stream. An entry that grew in between is read again.
   */
  protected async change(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    { reason = '', event, raw, unchangedSince }: DeadLetterChange,
    enqueue?: (entry: DeadLetter) => Enqueued,
  ): Promise<DeadLetter | undefined> {
    const since = unchangedSince?.getTime() ?? '';
    const facts = [id, from, to, reason, CLOSED_LIMIT, since];
    for (;;) {
      let [before, after, next]: [string, string, Enqueued | undefined] = ['', '', undefined];
      if (event !== undefined || raw !== undefined || enqueue !== undefined) {
        const found = await this.#read(id);
        if (found?.entry.status !== from) return undefined;
        const { entry } = found;
        const changed = { ...entry, event: event ?? entry.event, raw: entry.raw ?? raw };
        before = found.json;
        if (event !== undefined || raw !== undefined)
          after = encodeDeadLetter(changed, encodeEvent(changed.event));
        next = enqueue?.(changed);
      }
      const args = [...facts, before, after, this.timeoutMs, ...(next?.fields ?? [])];
      const receipt = receiptBeside(this.keys().dead);
      const reply = await this.#run(DEAD_TRANSITION, args, next ? [receipt, next.stream] : [receipt]);
      if (reply === 0) return undefined;
      if (reply !== -1) return decodeDeadLetter(...(reply as [string, string]));
    }
  }

  /** Until all are written: an entry that changes between reading and writing is read again. */
  async #write(batch: readonly DeadLetter[]): Promise<void> {
    for (let left = batch; left.length > 0;) {
      const known = (await this.#run(
        DEAD_KNOWN,
        left.map(({ id }) => id),
      )) as (string | null)[];
      const args = left.flatMap((entry, i) => {
        const [json, status] = [known[2 * i], known[2 * i + 1]];
        const next = json && status ? joinDeadLetters(decodeDeadLetter(json, status), entry) : entry;
        const wire = encodeDeadLetter(next, encodeEvent(next.event));
        return [next.id, next.failedAt.getTime(), wire, json ?? '', status ?? ''];
      });
      const changed = new Set((await this.#run(DEAD_ADD, args)) as string[]);
      left = left.filter(({ id }) => changed.has(id));
    }
  }

  async #read(id: string): Promise<{ json: string; entry: DeadLetter } | undefined> {
    const [json, status] = (await this.#run(DEAD_GET, [id])) as (string | null)[];
    return json && status ? { json, entry: decodeDeadLetter(json, status) } : undefined;
  }

  /** People wait for these, so none waits for ever. */
  #run(
    script: Script,
    args: readonly (string | number | Buffer)[],
    more: readonly string[] = [],
  ): Promise<unknown> {
    return inTime(this.timeoutMs, this.connection.run(script, [...deadKeys(this.keys()), ...more], args));
  }
}
