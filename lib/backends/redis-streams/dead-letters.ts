import {
  ALL_HANDLERS,
  type DeadLetter,
  type DeadLetterPage,
  type DeadLetterQuery,
  type DeadLetterStatus,
  type DeadLetterStore,
} from '../../dead-letters/dead-letter.js';
import { EventConfigurationError } from '../../errors.js';
import { deadLetterMatcher, pageLimit } from '../../dead-letters/dead-letter-matcher.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { fieldsOf } from './codec.js';
import type { RedisConnection } from './connection.js';
import {
  CLOSED_LIMIT,
  deadKeys,
  decodeDeadLetter,
  encodeDeadLetter,
  encodeStatus,
} from './dead-letter-codec.js';
import type { Keys } from './keys.js';
import { fromRawFields, type RawFields } from './raw-fields.js';
import {
  DEAD_ADD,
  DEAD_GET,
  DEAD_PAGE,
  DEAD_REQUEUE,
  DEAD_SIZE,
  DEAD_TAKE,
  DEAD_TRANSITION,
} from './scripts/dead-letters.js';
import type { Script } from './scripts/script.js';
import { inTime } from './waiting.js';

/** Entries looked at per call. */
const PAGE = 200;

/** Dead letters of one group, in Redis. Entries that are resolved or discarded stay until 1,000 newer ones are. */
export class RedisDeadLetterStore implements DeadLetterStore {
  /** @param keys Asked late, because the group may come from the module. */
  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: () => Keys,
    private readonly timeoutMs: number,
  ) {}

  async add(entries: readonly DeadLetter[]): Promise<void> {
    if (entries.length === 0) return;
    const args = entries.flatMap((entry) => [
      entry.id,
      entry.failedAt.getTime(),
      encodeDeadLetter(entry, encodeEvent(entry.event)),
    ]);
    await this.#run(DEAD_ADD, this.#dead(), args);
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    return (await this.#read(id))?.entry;
  }

  async list({ cursor, limit, ...filter }: DeadLetterQuery = {}): Promise<DeadLetterPage> {
    const most = pageLimit(limit);
    let [from, after] = cursor === undefined ? ['-inf', ''] : readCursor(cursor);
    if (cursor === undefined && filter.since) from = String(filter.since.getTime());
    const to = filter.until ? `(${filter.until.getTime()}` : '+inf';
    const matches = deadLetterMatcher(filter);
    const entries: DeadLetter[] = [];
    for (;;) {
      const page = (await this.#run(DEAD_PAGE, this.#dead(), [from, to, after, PAGE])) as string[];
      for (let i = 0; i < page.length; i += 4) {
        const entry = decodeDeadLetter(page[i + 2]!, page[i + 3]!);
        if (!matches(entry)) continue;
        if (entries.length === most) return { entries, cursor: cursorOf(entries.at(-1)!) };
        entries.push(entry);
      }
      if (page.length < PAGE * 4) return { entries };
      from = page.at(-4)!;
      after = page.at(-3)!;
    }
  }

  async size(): Promise<number> {
    return (await this.#run(DEAD_SIZE, this.#dead(), [])) as number;
  }

  async transition(
    id: string,
    from: DeadLetterStatus,
    to: DeadLetterStatus,
    reason?: string,
  ): Promise<DeadLetter | undefined> {
    const status = encodeStatus(to, reason);
    const entry = await this.#run(DEAD_TRANSITION, this.#dead(), [id, from, to, status, CLOSED_LIMIT]);
    return entry ? decodeDeadLetter(entry as string, status) : undefined;
  }

  async take(id: string): Promise<DeadLetter | undefined> {
    const entry = await this.#run(DEAD_TAKE, this.#dead(), [id]);
    return entry ? decodeDeadLetter(entry as string, 'dead') : undefined;
  }

  async requeue(id: string): Promise<boolean> {
    for (;;) {
      const found = await this.#read(id);
      if (found?.entry.status !== 'dead') return false;
      const keys = [...this.#dead(), this.keys().retry];
      const done = await this.#run(DEAD_REQUEUE, keys, [id, found.json, ...deliveryOf(found.entry)]);
      // -1: it failed once more in between, so that its history has grown.
      if (done !== -1) return done === 1;
    }
  }

  async #read(id: string): Promise<{ json: string; entry: DeadLetter } | undefined> {
    const [json, status] = (await this.#run(DEAD_GET, this.#dead(), [id])) as (string | null)[];
    return json && status ? { json, entry: decodeDeadLetter(json, status) } : undefined;
  }

  /** People wait for these, so none waits for ever. */
  #run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    return inTime(this.timeoutMs, this.connection.run(script, keys, args));
  }

  #dead(): string[] {
    return deadKeys(this.keys());
  }
}

/** Fields of the entry that brings a dead letter back to its handler. What was unreadable comes back as it was. */
function deliveryOf({ id, event, handlerId, attempts, raw }: DeadLetter): (string | Buffer)[] {
  if (raw !== undefined) {
    const fields = fromRawFields(JSON.parse(raw) as RawFields);
    return [...fields, 'delivery', JSON.stringify({ deadLetterId: id, attempts })];
  }
  const envelope = { attempt: 1, attempts, deadLetterId: id };
  return fieldsOf(encodeEvent(event), handlerId === ALL_HANDLERS ? envelope : { ...envelope, handlerId });
}

/** The time of failure and the id of the last entry of a page: where the next one begins. */
function cursorOf({ failedAt, id }: DeadLetter): string {
  return `${failedAt.getTime()}:${id}`;
}

function readCursor(cursor: string): [from: string, after: string] {
  const match = /^(\d+):(.+)$/s.exec(cursor);
  if (match) return [match[1]!, match[2]!];
  throw new EventConfigurationError(
    `A list of dead letters has a 'cursor' of '${cursor}'. Use the one of the previous page, or none.`,
  );
}
