import { isPattern } from '../../handlers/pattern.js';
import { type EventCriteria, type LoadOptions, matcherOf, typesOf } from '../criteria.js';
import type { StoredEvent } from '../stored-event.js';
import type { Calls } from './calls.js';
import { checkPosition, type Entry, storedEventOf } from './entry.js';
import type { StoreKeys } from './keys.js';
import { type Route, routeTo } from './route.js';
import { COUNT, HEAD, READ_STREAM, TYPES } from './scripts/read.js';

/** Events of one call: Redis does nothing else while it collects them. */
const MAX_CALL = 500;
/** Where some of what is read does not meet the criteria, a call asks for this many at least. */
const MIN_CALL = 100;

type Reply = readonly [next: string, ...entries: Entry[]];

/** Reads events. No call takes long, however many events there are. */
export class Reader {
  /** Names that events had when somebody looked last. They only become more. */
  #known: readonly string[] = [];

  constructor(
    private readonly calls: Calls,
    private readonly keys: StoreKeys,
  ) {}

  async page({
    after = '',
    limit,
    direction = 'forward',
    ...criteria
  }: LoadOptions & { readonly limit: number }): Promise<StoredEvent[]> {
    const matches = matcherOf(criteria);
    const found: StoredEvent[] = [];
    let next = after === '' ? '' : checkPosition(after);
    let route = routeTo(criteria, this.keys, this.#known);
    for (;;) {
      const left = limit - found.length;
      const size = Math.min(route.exactly === undefined ? Math.max(left, MIN_CALL) : left, MAX_CALL);
      const reply = await this.#read(route, criteria, next, size, direction);
      if (reply === null) {
        route = await this.#newRoute(criteria);
        continue;
      }
      const [goOn, ...entries] = reply;
      for (const entry of entries) {
        const event = storedEventOf(entry);
        if (matches(event) && found.push(event) === limit) return found;
      }
      if (goOn === '') return found;
      next = goOn;
    }
  }

  async streamPage(streamId: string, fromVersion: number, limit: number): Promise<StoredEvent[]> {
    const { log, publication } = this.keys;
    const keys = [log, publication, this.keys.stream(streamId)];
    const events: StoredEvent[] = [];
    while (events.length < limit) {
      const from = fromVersion + events.length;
      const size = Math.min(limit - events.length, MAX_CALL);
      const [, ...entries] = (await this.calls.run(READ_STREAM, keys, [from, size])) as Reply;
      for (const entry of entries) events.push(storedEventOf(entry));
      if (entries.length < size) break;
    }
    return events;
  }

  async count(criteria: EventCriteria): Promise<number> {
    const route = await this.#newRoute(criteria);
    if (route.exactly !== undefined) return Number(await this.calls.run(COUNT, route.exactly, []));
    let count = 0;
    for (let after: string | undefined; ;) {
      const page = await this.page({ ...criteria, after, limit: MAX_CALL });
      count += page.length;
      if (page.length < MAX_CALL) return count;
      after = page.at(-1)!.position;
    }
  }

  async head(): Promise<string | undefined> {
    return ((await this.calls.run(HEAD, [this.keys.position], [])) as string | null) ?? undefined;
  }

  async #newRoute(criteria: EventCriteria): Promise<Route> {
    if (typesOf(criteria)?.some(isPattern)) {
      this.#known = (await this.calls.run(TYPES, [this.keys.types], [])) as string[];
    }
    return routeTo(criteria, this.keys, this.#known);
  }

  async #read(
    route: Route,
    { since, until }: EventCriteria,
    after: string,
    size: number,
    direction: 'forward' | 'backward',
  ): Promise<Reply | null> {
    const { log, publication, position, blocks, latest, earliest } = this.keys;
    const keys = [log, publication, position, blocks, latest, earliest, ...route.keys];
    const backward = direction === 'backward' ? 1 : 0;
    const args = [after, size, backward, since?.getTime() ?? '', until?.getTime() ?? '', ...route.args];
    return (await this.calls.run(route.script, keys, args)) as Reply | null;
  }
}
