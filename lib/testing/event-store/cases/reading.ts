import assert from 'node:assert/strict';
import { createEvent, type Event } from '../../../event.js';
import type { LoadOptions } from '../../../store/criteria.js';
import type { EventStore } from '../../../store/event-store.js';
import { NAMES, PATTERNS } from '../../conformance/cases/samples.js';
import { all, ids, idsOf, numbered, type StoreCase, type StoreRig } from '../rig.js';

const AT = Date.parse('2026-03-01T12:00:00.000Z');

/** Events that differ in everything there is to ask for. */
function mixed(): { readonly event: Event; readonly streamId: string }[] {
  return Array.from({ length: 48 }, (_, n) => ({
    streamId: `s${n % 2}`,
    event: createEvent(
      ['order.placed', 'order.paid', 'user.created'][n % 3]!,
      { n },
      {
        createdAt: new Date(AT + n * 1000),
        source: `source-${n % 4}`,
        correlationId: `flow-${n % 5}`,
        causationId: n % 6 === 0 ? undefined : `cause-${n % 6}`,
        metadata: {
          userId: `user-${n % 7}`,
          tenantId: 'tenant',
          custom: { level: n % 2, nested: { flag: n % 3 === 0, list: [n % 2, 'x'] } },
        },
      },
    ),
  }));
}

async function mixedStore(rig: StoreRig): Promise<{ store: EventStore; events: Event[] }> {
  const store = await rig.store();
  const samples = mixed();
  for (const { event, streamId } of samples) await store.append(event, { streamId });
  await rig.append(store, [createEvent('last', 0, { createdAt: new Date(AT - 1000) })]);
  return { store, events: samples.map(({ event }) => event) };
}

/** What to ask for, and the numbers of the events that are meant. */
const QUESTIONS: readonly (readonly [what: string, LoadOptions, (n: number) => boolean])[] = [
  ['a type', { types: 'order.paid' }, (n) => n % 3 === 1],
  ['several types', { types: ['order.paid', 'user.created'] }, (n) => n % 3 > 0],
  ['a pattern', { types: 'order.*' }, (n) => n % 3 < 2],
  ['a name and a pattern', { types: ['*.created', 'order.paid'] }, (n) => n % 3 > 0],
  ['a type that nobody has', { types: 'order' }, () => false],
  ['no type at all', { types: [] }, () => false],
  ['the first millisecond', { since: new Date(AT + 5000) }, (n) => n >= 5],
  ['the last millisecond', { since: new Date(AT), until: new Date(AT + 5000) }, (n) => n < 5],
  ['a span', { since: new Date(AT + 1), until: new Date(AT + 9001) }, (n) => n > 0 && n < 10],
  ['a source', { source: 'source-2' }, (n) => n % 4 === 2],
  ['a flow', { correlationId: 'flow-3' }, (n) => n % 5 === 3],
  ['a cause', { causationId: 'cause-2' }, (n) => n % 6 === 2],
  ['a stream', { streamId: 's1' }, (n) => n % 2 === 1],
  ['a user', { metadata: { userId: 'user-4' } }, (n) => n % 7 === 4],
  ['two fields', { metadata: { userId: 'user-4', tenantId: 'tenant' } }, (n) => n % 7 === 4],
  ['another tenant', { metadata: { tenantId: 'other' } }, () => false],
  ['a custom field', { metadata: { custom: { level: 1 } } }, (n) => n % 2 === 1],
  ['another type of a value', { metadata: { custom: { level: '1' } } }, () => false],
  ['a nested field', { metadata: { custom: { nested: { flag: true } } } }, (n) => n % 3 === 0],
  ['a list', { metadata: { custom: { nested: { list: [1, 'x'] } } } }, (n) => n % 2 === 1],
  ['a part of a list', { metadata: { custom: { nested: { list: ['x'] } } } }, () => false],
  ['a field that is not there', { metadata: { custom: { nothing: {} } } }, () => false],
  ['no publication', { publication: 'pending' }, () => false],
  [
    'everything at once',
    {
      types: ['order.**', 'none'],
      since: new Date(AT + 2000),
      until: new Date(AT + 40_000),
      source: 'source-1',
      streamId: 's1',
      metadata: { custom: { level: 1 } },
    },
    (n) => n % 3 < 2 && n >= 2 && n < 40 && n % 4 === 1,
  ],
];

/** Whatever is asked for comes, all of it, in order, and nothing else. */
export const readingCases: readonly StoreCase[] = [
  {
    name: 'finds events by every criterion, alone and together, in both directions, and counts them',
    run: async (rig) => {
      const { store, events } = await mixedStore(rig);
      for (const [what, question, isMeant] of QUESTIONS) {
        const meant = ids(events.filter((_, n) => isMeant(n)));
        assert.deepEqual(await idsOf(store, question), meant, what);
        assert.deepEqual(await idsOf(store, { ...question, limit: 3 }), meant.slice(0, 3), what);
        const backward = await idsOf(store, { ...question, direction: 'backward' });
        assert.deepEqual(backward, [...meant].reverse(), `${what}, backward`);
        assert.equal(await store.count(question), meant.length, `${what}, counted`);
      }
    },
  },
  {
    name: 'matches names and patterns as handlers do',
    run: async (rig) => {
      const store = await rig.storeWith(NAMES.map((name) => createEvent(name, 0)));
      for (const [pattern, matches] of PATTERNS) {
        const found = (await all(store.load({ types: pattern }))).map(({ type }) => type);
        assert.deepEqual(
          found,
          NAMES.filter((name) => matches.includes(name)),
          pattern,
        );
      }
    },
  },
  {
    name: 'takes the characters of a pattern as they are',
    run: async (rig) => {
      const names = [
        'a_b.x',
        'aXb.x',
        'a%b.x',
        'a\\b.x',
        'a+b.x',
        'aab.x',
        'a(b.x',
        'a$b.x',
        'a/b.x',
        'a-b.x',
      ];
      const store = await rig.storeWith(names.map((name) => createEvent(name, 0)));
      for (const name of names) {
        const types = [name.replace('.x', '.*'), name.replace('.x', '.**')];
        for (const type of types) {
          const found = (await all(store.load({ types: type }))).map(({ type }) => type);
          assert.deepEqual(found, [name], type);
        }
      }
    },
  },
  {
    name: 'goes on behind any position, in both directions',
    run: async (rig) => {
      const { store, events } = await mixedStore(rig);
      const stored = await all(store.load());
      for (const index of [0, 1, 17, 46, 47, 48]) {
        const after = stored[index]!.position;
        assert.deepEqual(await idsOf(store, { after }), ids(stored.slice(index + 1)));
        const backward = await idsOf(store, { after, direction: 'backward' });
        assert.deepEqual(backward, ids(stored.slice(0, index)).reverse());
        const types = 'order.paid';
        const found = await idsOf(store, { after, types, limit: 4 });
        const meant = ids(events.filter((event, n) => n > index && event.type === types));
        assert.deepEqual(found, meant.slice(0, 4));
      }
    },
  },
  {
    name: 'reads more than a page, as many as are asked for',
    run: async (rig) => {
      const events = numbered(1302);
      const store = await rig.storeWith(events);
      assert.deepEqual(await idsOf(store), ids(events));
      for (const limit of [1, 499, 500, 501, 1000, 1302, 5000]) {
        assert.deepEqual(await idsOf(store, { limit }), ids(events.slice(0, limit)), String(limit));
      }
      const backward = await idsOf(store, { limit: 700, direction: 'backward' });
      assert.deepEqual(backward, ids(events).reverse().slice(0, 700));
    },
  },
  {
    name: 'gives pages that are full while there is more',
    run: async (rig) => {
      const store = await rig.store();
      for (let i = 0; i < 5; i++) {
        await store.appendBatch([...numbered(30, { type: 'noise' }), ...numbered(2)]);
      }
      await rig.append(store, numbered(1));
      const sizes: number[] = [];
      for (let after: string | undefined; ;) {
        const page = await store.page({ types: 'order.placed', limit: 3, after });
        sizes.push(page.length);
        if (page.length < 3) break;
        after = page.at(-1)!.position;
      }
      assert.deepEqual(sizes, [3, 3, 3, 2]);
    },
  },
  {
    name: 'does not read on when nobody asks',
    run: async (rig) => {
      const events = numbered(1100);
      const store = await rig.storeWith(events);
      const pages = countPages(store);
      for await (const event of store.load()) if (event.id === events[10]!.id) break;
      assert.equal(pages(), 1);
    },
  },
  {
    name: 'builds queries step by step, each step a query of its own',
    run: async (rig) => {
      const { store, events } = await mixedStore(rig);
      const orders = store.query().type('order.*');
      const some = orders
        .since(new Date(AT + 3000))
        .until(new Date(AT + 30_000))
        .source('source-1');
      const meant = events.filter(
        ({ type, source }, n) => type.startsWith('order') && n >= 3 && n < 30 && source === 'source-1',
      );
      assert.deepEqual(ids(await some.toArray()), ids(meant));
      assert.equal(await some.count(), meant.length);
      assert.equal((await some.first())?.id, meant[0]!.id);
      assert.equal((await some.backward().first())?.id, meant.at(-1)!.id);
      assert.equal((await orders.type('nothing').first())?.id, undefined);
      assert.equal(await orders.count(), 32);
      const narrow = store.query().stream('s1').correlationId('flow-3').causationId('cause-3');
      const found = await narrow.metadata({ tenantId: 'tenant' }).limit(1).toArray();
      const first = events.findIndex((_, n) => n % 2 === 1 && n % 5 === 3 && n % 6 === 3);
      assert.deepEqual(ids(found), [events[first]!.id]);
      const rest = await narrow.after(found[0]!.position).toArray();
      assert.deepEqual(ids(rest), ids(events.filter((_, n) => n > first && n % 30 === first % 30)));
    },
  },
  {
    name: 'shows events in their present form where it was told how, and keeps them as they were',
    run: async (rig) => {
      const store = await rig.storeWith(numbered(2), { streamId: 's' });
      store.readAs(async (event) => event.with({ doubled: (event.data as { n: number }).n * 2 }, 2));
      const expected = [{ doubled: 0 }, { doubled: 2 }];
      const loaded = await all(store.load());
      assert.deepEqual(
        loaded.map(({ data }) => data),
        expected,
      );
      assert.deepEqual(
        (await all(store.loadStream('s'))).map(({ data, version }) => [data, version]),
        expected.map((data) => [data, 2]),
      );
      assert.equal(loaded[1]!.position, await store.head());
      assert.equal(loaded[1]!.streamVersion, 2);
      assert.deepEqual((await store.page({ limit: 2 }))[1]!.data, { n: 1 });
    },
  },
];

/** How often a page was read from now on. */
function countPages(store: EventStore): () => number {
  const page = store.page.bind(store);
  let count = 0;
  store.page = (options) => {
    count++;
    return page(options);
  };
  return () => count;
}
