import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterQuery,
  type DeadLetterStore,
  EventConfigurationError,
} from 'nestjs-durable-events';
import { countGroups } from '../../lib/dead-letters/groups.js';
import { letter, type Sample } from './sample-letters.js';

/** Makes stores that are under test. */
export interface DeadLetterStores {
  /** A store in a place of its own: stores of one place and service see the same entries. Not open yet. */
  make(place: string): DeadLetterStore;
  /** Whether two stores of one place meet. Default `true`. */
  readonly shared?: boolean;
}

/** The one definition of a correct store of dead letters. */
export function describeDeadLetterStore(name: string, stores: DeadLetterStores): void {
  describe(`Dead letters: ${name}`, () => {
    const opened: DeadLetterStore[] = [];
    let place: string;
    let store: DeadLetterStore;

    async function open(service: string): Promise<DeadLetterStore> {
      const made = stores.make(place);
      opened.push(made);
      await made.open?.(service);
      return made;
    }
    beforeEach(async () => {
      place = `p_${randomUUID()}`;
      store = await open('orders');
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(async (each) => each.close?.()));
    });

    const add = (...samples: Sample[]) => store.add(samples.map(letter));
    const found = async (query?: DeadLetterQuery) =>
      (await store.list(query)).entries.map(({ event }) => event.id);
    const groupsOf = async (filter?: DeadLetterFilter) =>
      store.groups?.(filter) ?? countGroups(store, filter);
    const twenty = <T>(work: (i: number) => Promise<T>) =>
      Promise.all(Array.from({ length: 20 }, (_, i) => work(i)));

    describe('what it keeps', () => {
      it.each<[string, Partial<Sample>]>([
        ['a plain entry', {}],
        [
          'any characters',
          { data: { text: '🦄 ü "\'\\ \u0001\uE000', list: [], n: 2 ** 53 - 1 }, message: '😱 %s' },
        ],
        ['NUL', { data: { 'a\0': '\0' }, message: 'bad \0 byte', type: 'a\0b', handlerId: '\0', name: '\0' }],
        ['halves of surrogate pairs', { data: '\uD800', message: '\uDC00!', handlerId: 'h\uD800' }],
        ['names that no index takes', { type: 'type'.repeat(2000), handlerId: '\u{1F984}'.repeat(2000) }],
        ['2 MB of data', { data: { text: 'ab ü'.repeat(500_000) } }],
        ['deeply nested data', { data: nested(1000) }],
        [
          'a raw message',
          { raw: { body: 'raw \0 ü \uD800', encoding: 'utf8', headers: { 'x-\0': '\0', __proto__: 'x' } } },
        ],
        ['no data', { data: undefined }],
      ])('returns %s as it was stored', async (_, sample) => {
        const entry = letter({ id: 'id \0 ü', at: 1_700_000_000_123, ...sample });
        await store.add([entry]);
        const read = await store.get(entry.id);
        expect(plain(read!)).toEqual(plain({ ...entry, changedAt: read!.changedAt }));
        expect((await store.list()).entries.map(plain)).toEqual([plain(read!)]);
        expect(
          (await store.list({ type: entry.event.type, handlerId: entry.handlerId })).entries,
        ).toHaveLength(1);
        expect(await store.get('unknown')).toBeUndefined();
      });

      it('keeps ids apart that differ in what a database may not see', async () => {
        const ids = ['a', 'a\0', 'a\uD800', 'a\uE0000000', 'a'.repeat(5000), `${'a'.repeat(5000)}b`];
        await add(...ids.map((id) => ({ id })));
        expect(await store.size()).toBe(ids.length);
        for (const id of ids) expect((await store.get(`${id}:h`))?.event.id).toBe(id);
      });

      it('tells the time of the last change', async () => {
        const before = Date.now() - 5000;
        await add({ id: '1', at: 1 });
        const { changedAt } = (await store.get('1:h'))!;
        expect(changedAt.getTime()).toBeGreaterThan(before);
        const changed = await store.transition('1:h', 'dead', 'retrying');
        expect(changed!.changedAt.getTime()).toBeGreaterThanOrEqual(changedAt.getTime());
        expect((await store.get('1:h'))!.changedAt).toEqual(changed!.changedAt);
      });
    });

    describe('an id that it knows', () => {
      it('is dead again, in its new place and with its whole history', async () => {
        await add({ id: '1', at: 1, message: 'first' }, { id: '2', at: 2 });
        await store.transition('1:h', 'dead', 'retrying');
        await add({ id: '1', at: 3, message: 'again' });
        expect(await found()).toEqual(['2', '1']);
        const { status, attempts } = (await store.get('1:h'))!;
        expect(status).toBe('dead');
        expect(attempts.map(({ error }) => error.message)).toEqual(['first', 'again']);
        expect(await store.size()).toBe(2);
      });

      it('stays discarded, with the reason', async () => {
        await add({ id: '1', at: 1, message: 'first' });
        await store.transition('1:h', 'dead', 'discarded', { reason: 'a test' });
        await add({ id: '1', at: 2, message: 'again' });
        expect(await store.get('1:h')).toMatchObject({
          status: 'discarded',
          reason: 'a test',
          failedAt: new Date(2),
        });
        expect((await store.get('1:h'))!.attempts).toHaveLength(2);
        expect(await store.size()).toBe(0);
        expect(await found({ status: 'discarded' })).toEqual(['1']);
      });

      it('comes back from resolved', async () => {
        await add({ id: '1', at: 1 });
        await store.transition('1:h', 'dead', 'resolved', { reason: 'by hand' });
        await add({ id: '1', at: 2 });
        const entry = (await store.get('1:h'))!;
        expect(entry.status).toBe('dead');
        expect(entry.reason).toBeUndefined();
        expect(await store.size()).toBe(1);
      });

      it('may come twice in one call, and keeps its first raw message', async () => {
        const raw = (body: string) => ({ body, encoding: 'utf8', headers: {} }) as const;
        await add({ id: '1', at: 1, raw: raw('one') }, { id: '1', at: 2, raw: raw('two') });
        const entry = (await store.get('1:h'))!;
        expect(entry.attempts).toHaveLength(2);
        expect(entry.raw?.body).toBe('one');
        expect(await store.size()).toBe(1);
      });

      it('loses no try when twenty write it at once', async () => {
        await twenty((i) => add({ id: '1', at: i }));
        const { attempts } = (await store.get('1:h'))!;
        expect(attempts.map(({ at }) => at).sort((a, b) => a - b)).toEqual(
          Array.from({ length: 20 }, (_, i) => i),
        );
        expect(await store.size()).toBe(1);
      });
    });

    describe('list', () => {
      it('begins with the oldest failure, whatever the order of writing', async () => {
        await add({ id: 'c', at: 3 }, { id: 'a', at: 1 });
        await add({ id: 'b', at: 2 });
        expect(await found()).toEqual(['a', 'b', 'c']);
      });

      it('shows what is open unless asked for more', async () => {
        await add({ id: 'dead' }, { id: 'retrying' }, { id: 'resolved' }, { id: 'discarded' });
        await store.transition('retrying:h', 'dead', 'retrying');
        await store.transition('resolved:h', 'dead', 'retrying');
        await store.transition('resolved:h', 'retrying', 'resolved');
        await store.transition('discarded:h', 'dead', 'discarded');
        expect(await found()).toEqual(['dead', 'retrying']);
        expect(await found({ status: 'retrying' })).toEqual(['retrying']);
        expect(await found({ status: ['resolved', 'discarded'] })).toEqual(['discarded', 'resolved']);
        expect(await found({ status: [] })).toEqual([]);
        expect(await store.size()).toBe(2);
      });

      it.each<[DeadLetterQuery, string[]]>([
        [{ type: 'order.placed' }, ['1', '2']],
        [{ handlerId: 'mail' }, ['2', '3']],
        [{ type: 'order.placed', handlerId: 'mail' }, ['2']],
        [{ since: new Date(20) }, ['2', '3']],
        [{ until: new Date(20) }, ['1']],
        [{ since: new Date(20), until: new Date(30) }, ['2']],
        [{ text: 'ADA@EXAMPLE' }, ['1']],
        [{ text: 'ädA' }, ['1']],
        [{ text: '"email":"ada' }, ['1']],
        [{ text: 'timed out' }, ['3']],
        [{ text: '2' }, ['2']],
        [{ text: '' }, ['1', '2', '3']],
        [{ text: 'nowhere' }, []],
        [{ text: '100%' }, ['3']],
        [{ text: '0_' }, []],
        [{ text: 'c:\\' }, ['3']],
        [{ text: '%' }, ['3']],
        [{ text: "o'c" }, ['3']],
        [{ text: '\0' }, ['3']],
        [{ since: new Date(10), type: 'order.placed', handlerId: 'h', text: 'ada', status: 'dead' }, ['1']],
      ])('finds by %j', async (query, expected) => {
        await add(
          { id: '1', at: 10, type: 'order.placed', data: { email: 'ada@example.org', name: 'ÄDA' } },
          { id: '2', at: 20, type: 'order.placed', handlerId: 'mail' },
          {
            id: '3',
            at: 30,
            type: 'order.paid',
            handlerId: 'mail',
            message: "SMTP timed out, 100% in C:\\ for O'C \0",
          },
        );
        expect(await found(query)).toEqual(expected);
      });

      it('finds by the fingerprint', async () => {
        await add(
          { id: '1', message: 'order 17' },
          { id: '2', message: 'order 18' },
          { id: '3', message: 'other' },
        );
        const { fingerprint } = letter({ id: '1', message: 'order 99' });
        expect(await found({ fingerprint })).toEqual(['1', '2']);
      });

      it('pages without repeating or missing an entry while others come and go', async () => {
        for (let i = 0; i < 10; i++) await add({ id: `${i}`, at: 100 });
        const first = await store.list({ limit: 4 });
        expect(first.entries.map(({ event }) => event.id)).toEqual(['0', '1', '2', '3']);
        await store.take('0:h');
        await store.take('3:h'); // the very entry the cursor stands on
        await add({ id: 'older', at: 1 }, { id: 'newer', at: 200 });
        const second = await store.list({ limit: 4, cursor: first.cursor });
        expect(second.entries.map(({ event }) => event.id)).toEqual(['4', '5', '6', '7']);
        const third = await store.list({ limit: 4, cursor: second.cursor });
        expect(third.entries.map(({ event }) => event.id)).toEqual(['8', '9', 'newer']);
        expect(third.cursor).toBeUndefined();
      });

      it('has no cursor when the last page is exactly full', async () => {
        await add({ id: '1' }, { id: '2' });
        expect((await store.list({ limit: 2 })).cursor).toBeUndefined();
      });

      it.each([0, -1, 1001, 1.5, Number.NaN])('refuses a limit of %p', async (limit) => {
        await expect(store.list({ limit })).rejects.toThrow(/limit = .* whole number from 1 to 1000/);
        await expect(store.list({ limit })).rejects.toBeInstanceOf(EventConfigurationError);
      });

      it.each(['', 'nonsense', '12'])('refuses %p as a cursor', async (cursor) => {
        await expect(store.list({ cursor })).rejects.toThrow(/cursor = .*which no page had/);
        await expect(store.list({ cursor })).rejects.toBeInstanceOf(EventConfigurationError);
      });

      it('goes through ten thousand entries with some seconds of work, filtered or not', async () => {
        const samples = Array.from({ length: 10_000 }, (_, i) => ({
          id: String(i).padStart(5, '0'),
          at: Math.floor(i / 7),
          type: i % 100 === 0 ? 'rare' : 'common',
        }));
        await add(...samples.toReversed());
        const begun = process.cpuUsage(); // the time that passes depends on what else the machine does
        const ids: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.list({ limit: 1000, cursor });
          ids.push(...page.entries.map(({ event }) => event.id));
          cursor = page.cursor;
        } while (cursor !== undefined);
        expect(ids).toEqual(samples.map(({ id }) => id));
        expect(await found({ type: 'rare', limit: 1000 })).toHaveLength(100);
        expect(await store.size()).toBe(10_000);
        const { user, system } = process.cpuUsage(begun);
        expect((user + system) / 1000).toBeLessThan(12_000);
      }, 60_000);
    });

    describe('a change of status', () => {
      it('happens for one of twenty at once', async () => {
        await add({ id: '1' });
        const all = await twenty((i) => store.transition('1:h', 'dead', 'discarded', { reason: `${i}` }));
        const winners = all.filter((entry) => entry !== undefined);
        expect(winners).toHaveLength(1);
        expect(await store.get('1:h')).toMatchObject({ status: 'discarded', reason: winners[0]!.reason });
      });

      it('needs the entry, and the status it is asked to change', async () => {
        await add({ id: '1' });
        expect(await store.transition('1:h', 'retrying', 'dead')).toBeUndefined();
        expect(await store.transition('unknown', 'dead', 'retrying')).toBeUndefined();
        expect(await store.get('1:h')).toMatchObject({ status: 'dead' });
      });

      it('keeps its reason until the next one', async () => {
        await add({ id: '1' });
        const reason = 'a test order: 1\n2 \0';
        expect(await store.transition('1:h', 'dead', 'discarded', { reason })).toMatchObject({ reason });
        expect(await store.get('1:h')).toMatchObject({ reason });
        const back = await store.transition('1:h', 'discarded', 'dead');
        expect(back).toMatchObject({ status: 'dead' });
        expect(back).not.toHaveProperty('reason');
        expect(await store.size()).toBe(1);
      });

      it('may bring an edited event', async () => {
        const raw = { body: 'before', encoding: 'utf8', headers: {} } as const;
        await add({ id: '1', data: { age: 'ten' } });
        const event = createEvent('x', { age: 10, note: 'mended \0' }, { id: '1' });
        const changed = await store.transition('1:h', 'dead', 'retrying', { event, raw });
        expect(changed!.event.toJSON()).toEqual(event.toJSON());
        expect(plain((await store.get('1:h'))!)).toEqual(plain(changed!));
        expect(changed!.raw).toEqual(raw);
        expect(await found({ text: 'mended' })).toEqual(['1']);
        expect(await found({ text: 'ten' })).toEqual([]);
        const later = await store.transition('1:h', 'retrying', 'dead', { raw: { ...raw, body: 'other' } });
        expect(later!.raw!.body).toBe('before');
      });

      it('leaves alone what has changed since', async () => {
        await add({ id: '1' });
        const { changedAt } = (await store.transition('1:h', 'dead', 'retrying'))!;
        const unchangedSince = new Date(changedAt.getTime() - 1);
        expect(await store.transition('1:h', 'retrying', 'dead', { unchangedSince })).toBeUndefined();
        expect(
          await store.transition('1:h', 'retrying', 'dead', { unchangedSince: changedAt }),
        ).toMatchObject({ status: 'dead' });
      });
    });

    describe('what goes', () => {
      it('takes a dead entry out for one of twenty at once', async () => {
        await add({ id: '1' });
        const taken = await twenty(() => store.take('1:h'));
        expect(taken.filter((entry) => entry?.event.id === '1')).toHaveLength(1);
        expect(await store.get('1:h')).toBeUndefined();
        expect(await store.size()).toBe(0);
      });

      it('takes out only what is dead', async () => {
        await add({ id: '1' });
        await store.transition('1:h', 'dead', 'retrying');
        expect(await store.take('1:h')).toBeUndefined();
        expect(await store.take('unknown')).toBeUndefined();
      });

      it('purges what is found, but never what is being retried', async () => {
        await add({ id: '1', at: 1 }, { id: '2', at: 2 }, { id: '3', at: 3 }, { id: '4', at: 4, type: 'y' });
        await store.transition('1:h', 'dead', 'retrying');
        await store.transition('2:h', 'dead', 'discarded');
        expect(await store.purge({ status: 'discarded', until: new Date(2) })).toBe(0);
        expect(await store.purge({ status: ['discarded', 'retrying'] })).toBe(1);
        expect(await store.purge({ type: 'x' })).toBe(1);
        expect(await found()).toEqual(['1', '4']);
        expect(await store.purge({})).toBe(1);
        expect(await found()).toEqual(['1']);
        expect(await store.purge({ type: 'nothing' })).toBe(0);
      });

      it('purges thousands', async () => {
        await add(...Array.from({ length: 2500 }, (_, i) => ({ id: `${i}`, at: i })));
        expect(await store.purge({ status: 'dead', until: new Date(2200) })).toBe(2200);
        expect(await store.size()).toBe(300);
      });

      it('keeps the latest 1000 closed entries, and every dead one', async () => {
        const samples = Array.from({ length: 1300 }, (_, i) => ({ id: String(i).padStart(4, '0'), at: i }));
        await add(...samples);
        for (const { id } of samples.slice(0, 1050)) await store.transition(`${id}:h`, 'dead', 'discarded');
        expect(await store.size()).toBe(250);
        const closed = await found({ status: 'discarded', limit: 1000 });
        expect(closed).toHaveLength(1000);
        expect([closed[0], closed.at(-1)]).toEqual(['0050', '1049']);
        expect(await store.get('0000:h')).toBeUndefined();
      }, 60_000);
    });

    it('counts by fingerprint', async () => {
      await add(
        { id: '1', at: 1, message: 'order 1', type: 'b' },
        { id: '2', at: 2, message: 'order 2', type: 'a' },
        { id: '3', at: 3, message: 'order 3', type: 'b\0' },
        { id: '4', at: 4, message: 'gone', name: 'TypeError', handlerId: 'mail' },
      );
      const groups = await groupsOf();
      expect(groups).toEqual([
        {
          fingerprint: letter({ id: '1', message: 'order 1' }).fingerprint,
          count: 3,
          handlerId: 'h',
          types: ['a', 'b', 'b\0'],
          error: { name: 'Error', message: 'order 3' },
          firstFailedAt: new Date(1),
          lastFailedAt: new Date(3),
        },
        expect.objectContaining({
          count: 1,
          handlerId: 'mail',
          error: { name: 'TypeError', message: 'gone' },
        }),
      ]);
      expect((await groupsOf({ until: new Date(2) })).map(({ count }) => count)).toEqual([1]);
    });

    it('may be opened and closed twice', async () => {
      await store.open?.('orders');
      await store.close?.();
      await store.close?.();
      expect(await open('orders')).toBeDefined();
    });

    if (stores.shared === false) return;

    it('is one store in two processes, and another one for another service', async () => {
      const [same, other] = [await open('orders'), await open('billing')];
      await add({ id: '1' });
      expect(await same.size()).toBe(1);
      expect(await other.size()).toBe(0);
      expect(await other.get('1:h')).toBeUndefined();
      expect(await other.transition('1:h', 'dead', 'discarded')).toBeUndefined();
      expect(await other.take('1:h')).toBeUndefined();
      expect(await other.purge({})).toBe(0);
      expect((await other.list()).entries).toEqual([]);
      await other.add([letter({ id: '1', message: 'theirs' })]);
      expect((await store.get('1:h'))!.attempts[0]!.error.message).toBe('no');
      expect((await same.transition('1:h', 'dead', 'retrying'))?.status).toBe('retrying');
      expect(await store.transition('1:h', 'dead', 'retrying')).toBeUndefined();
    });

    it('may be opened by many at once in a new place', async () => {
      place = `q_${randomUUID()}`;
      const all = await twenty(() => open('orders'));
      await all[0]!.add([letter({ id: '1' })]);
      expect(await all[19]!.size()).toBe(1);
    });
  });
}

/** Without what an `Event` hides from comparison. */
function plain({ event, ...entry }: DeadLetter): object {
  return { ...entry, event: event.toJSON() };
}

function nested(depth: number): unknown {
  let data: unknown = 'core';
  for (let i = 0; i < depth; i++) data = [data];
  return data;
}
