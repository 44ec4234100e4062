import assert from 'node:assert/strict';
import { EventSerializationError } from '../../../errors.js';
import { createEvent } from '../../../event.js';
import { ODD_TEXTS, PAYLOADS } from '../../conformance/cases/samples.js';
import { all, failure, ids, idsOf, numbered, type StoreCase } from '../rig.js';

/** What comes back is what went in, once, and in its order. */
export const appendingCases: readonly StoreCase[] = [
  {
    name: 'gives back the whole event, and says where it stands and since when',
    run: async (rig) => {
      const event = createEvent(
        'order.placed',
        { total: 12.5, lines: ['a', 'b'] },
        {
          id: 'event-1',
          createdAt: new Date('2026-01-31T23:59:59.123Z'),
          source: 'shop',
          version: 3,
          key: 'order-1',
          correlationId: 'flow-1',
          causationId: 'event-0',
          metadata: { userId: 'u', tenantId: 't', requestId: 'r', traceId: 'x', custom: { deep: { a: 1 } } },
        },
      );
      const before = Date.now();
      const store = await rig.store();
      const [result] = await rig.append(store, [event], { streamId: 'order-1' });
      const [stored] = await all(store.load());
      assert.deepEqual(stored!.toJSON(), event.toJSON());
      assert.equal(stored!.streamId, 'order-1');
      assert.equal(stored!.streamVersion, 1);
      assert.deepEqual(result, { id: 'event-1', position: stored!.position, streamVersion: 1 });
      assert.ok(Math.abs(stored!.recordedAt.getTime() - before) < 3_600_000, String(stored!.recordedAt));
    },
  },
  {
    name: 'leaves out what the event left out',
    run: async (rig) => {
      const event = createEvent('order.placed', undefined);
      const store = await rig.storeWith([event]);
      const [stored] = await all(store.load());
      assert.equal(stored!.data, undefined);
      assert.equal(stored!.key, undefined);
      assert.equal(stored!.causationId, undefined);
      assert.equal(stored!.correlationId, event.id);
      assert.deepEqual(stored!.metadata, {});
      assert.equal(stored!.streamId, undefined);
      assert.equal(stored!.streamVersion, undefined);
      assert.equal(stored!.publication, undefined);
    },
  },
  {
    name: 'keeps every payload as it is, or refuses it and keeps nothing',
    run: async (rig) => {
      const store = await rig.store();
      for (const [what, data] of PAYLOADS) {
        const event = createEvent('sample', data, { metadata: { custom: { what } } });
        try {
          await rig.append(store, [event]);
        } catch (error) {
          assert.ok(error instanceof EventSerializationError, `${what}: ${String(error)}`);
          assert.deepEqual(await idsOf(store, { metadata: { custom: { what } } }), [], what);
          continue;
        }
        const [stored] = await all(store.load({ metadata: { custom: { what } } }));
        assert.deepEqual(stored!.data, data, what);
      }
    },
  },
  {
    name: 'keeps odd texts in every part of an event, and finds it by them',
    run: async (rig) => {
      const store = await rig.store();
      for (const text of ODD_TEXTS) {
        const event = createEvent(text, text, {
          id: text,
          source: text,
          key: text,
          correlationId: text,
          causationId: text,
          metadata: { userId: text, custom: { [text]: text } },
        });
        await rig.append(store, [event], { streamId: text });
        const found = await all(
          store.load({
            types: [text],
            source: text,
            correlationId: text,
            causationId: text,
            streamId: text,
            metadata: { userId: text },
          }),
        );
        assert.deepEqual(
          found.map((each) => each.toJSON()),
          [event.toJSON()],
        );
        assert.equal((await all(store.loadStream(text)))[0]?.id, text);
      }
    },
  },
  {
    name: 'keeps an event of a megabyte',
    run: async (rig) => {
      const data = { text: 'ü'.repeat(500_000), list: Array.from({ length: 1000 }, (_, n) => ({ n })) };
      const store = await rig.storeWith([createEvent('large', data)]);
      assert.deepEqual((await all(store.load()))[0]!.data, data);
    },
  },
  {
    name: 'keeps the order of a batch, and of batches one after the other',
    run: async (rig) => {
      const store = await rig.store();
      const batches = [numbered(40), numbered(1), numbered(700), numbered(2)];
      for (const batch of batches) await rig.append(store, batch);
      assert.deepEqual(await idsOf(store), ids(batches.flat()));
    },
  },
  {
    name: 'gives positions that sort as text in the order of the store, and says the same ones when appending',
    run: async (rig) => {
      const store = await rig.store();
      const results = [
        ...(await rig.append(store, numbered(30))),
        ...(await rig.append(store, numbered(30))),
      ];
      const positions = (await all(store.load())).map(({ position }) => position);
      assert.deepEqual(
        results.map(({ position }) => position),
        positions,
      );
      assert.deepEqual([...new Set(positions)].sort(), positions);
      assert.equal(await store.head(), positions.at(-1));
    },
  },
  {
    name: 'does nothing for an empty batch',
    run: async (rig) => {
      const store = await rig.store();
      assert.deepEqual(await store.appendBatch([]), []);
      assert.deepEqual(await store.appendBatch([], { streamId: 's', expectedVersion: 7 }), []);
      assert.equal(await store.head(), undefined);
      assert.equal(await store.count(), 0);
    },
  },
  {
    name: 'leaves out events that it has, and says where they stand',
    run: async (rig) => {
      const store = await rig.store();
      const [first, second, third] = numbered(3);
      const before = await rig.append(store, [first!, second!]);
      const again = await rig.append(store, [second!, third!, first!]);
      assert.deepEqual(
        again.map(({ id, duplicate = false }) => [id, duplicate]),
        [
          [second!.id, true],
          [third!.id, false],
          [first!.id, true],
        ],
      );
      assert.equal(again[0]!.position, before[1]!.position);
      assert.equal(again[2]!.position, before[0]!.position);
      assert.deepEqual(await idsOf(store), ids([first!, second!, third!]));
    },
  },
  {
    name: 'keeps one of the same event twice in a batch',
    run: async (rig) => {
      const store = await rig.store();
      const [event] = numbered(1);
      const results = await rig.append(store, [event!, event!], { streamId: 's' });
      assert.deepEqual(
        results.map(({ streamVersion, duplicate = false }) => [streamVersion, duplicate]),
        [
          [1, false],
          [1, true],
        ],
      );
      assert.deepEqual(await idsOf(store), [event!.id]);
    },
  },
  {
    name: 'keeps one of an event that is appended many times at once',
    run: async (rig) => {
      const store = await rig.store();
      const [event] = numbered(1);
      const results = await Promise.all(Array.from({ length: 20 }, () => store.append(event!)));
      assert.equal(results.filter(({ duplicate }) => !duplicate).length, 1);
      assert.equal(new Set(results.map(({ position }) => position)).size, 1);
      await rig.visible(store, results[0]!.position!);
      assert.deepEqual(await idsOf(store), [event!.id]);
    },
  },
  {
    name: 'keeps nothing of a batch with an event that cannot be stored',
    run: async (rig) => {
      const store = await rig.store();
      const data: { self?: unknown } = {};
      data.self = data;
      const batch = [...numbered(2), createEvent('cycle', data)];
      const error = await failure('The append of a cycle', () => store.appendBatch(batch, { streamId: 's' }));
      assert.ok(error instanceof EventSerializationError, String(error));
      assert.match(error.message, /cycle/);
      assert.equal(await store.count(), 0);
      assert.deepEqual(await all(store.loadStream('s')), []);
    },
  },
  {
    name: 'does not mix up many appends at once',
    run: async (rig) => {
      const store = await rig.store();
      const batches = Array.from({ length: 60 }, (_, i) =>
        numbered(1 + (i % 4), { correlationId: `flow-${i}` }),
      );
      const results = await Promise.all(batches.map((batch) => store.appendBatch(batch)));
      assert.deepEqual(results.map(ids), batches.map(ids));
      const last = results
        .flat()
        .map(({ position }) => position!)
        .sort()
        .at(-1)!;
      await rig.visible(store, last);
      const read = await all(store.load());
      assert.equal(read.length, batches.flat().length);
      const places = new Map(read.map((event, i) => [event.id, i]));
      for (const batch of batches) {
        const first = places.get(batch[0]!.id)!;
        assert.deepEqual(
          batch.map(({ id }) => places.get(id)!),
          batch.map((_, i) => first + i),
        );
      }
    },
  },
  {
    name: 'is seen by other stores at once, and after a restart',
    needs: ['shared'],
    run: async (rig) => {
      const events = numbered(3);
      const first = await rig.storeWith(events);
      const second = await rig.store();
      assert.deepEqual(await idsOf(second), ids(events));
      await first.close();
      const third = await rig.store();
      const [result] = await rig.append(third, numbered(1));
      assert.ok(result!.position! > (await all(third.load()))[2]!.position);
    },
  },
];
