import assert from 'node:assert/strict';
import { StreamConflictError } from '../../../errors.js';
import type { AppendOptions, EventStore } from '../../../store/event-store.js';
import { all, failure, ids, numbered, type StoreCase, type StoreRig } from '../rig.js';

async function conflict(store: EventStore, options: AppendOptions): Promise<StreamConflictError> {
  const error = await failure(`The append with ${JSON.stringify(options)}`, () =>
    store.appendBatch(numbered(2), options),
  );
  assert.ok(error instanceof StreamConflictError, String(error));
  return error;
}

async function versionsOf(store: EventStore, streamId: string): Promise<(number | undefined)[]> {
  return (await all(store.loadStream(streamId))).map(({ streamVersion }) => streamVersion);
}

/** Versions from 1, without holes. */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Streams have versions without holes, and an append can say which one it builds upon. */
export const streamCases: readonly StoreCase[] = [
  {
    name: 'counts the events of each stream by itself',
    run: async (rig) => {
      const store = await rig.store();
      const [a, b, more] = [numbered(3), numbered(2), numbered(2)];
      await rig.append(store, a, { streamId: 'a' });
      await rig.append(store, b, { streamId: 'b' });
      await rig.append(store, numbered(1));
      const results = await rig.append(store, more, { streamId: 'a' });
      assert.deepEqual(
        results.map(({ streamVersion }) => streamVersion),
        [4, 5],
      );
      const stream = await all(store.loadStream('a'));
      assert.deepEqual(ids(stream), ids([...a, ...more]));
      assert.deepEqual(await versionsOf(store, 'a'), upTo(5));
      assert.deepEqual(await versionsOf(store, 'b'), upTo(2));
      assert.deepEqual(await versionsOf(store, 'nothing'), []);
    },
  },
  {
    name: 'reads a stream from any version, and longer ones than a page',
    run: async (rig) => {
      const store = await rig.store();
      const events = numbered(1203);
      await rig.append(store, events, { streamId: 's' });
      assert.deepEqual(ids(await all(store.loadStream('s'))), ids(events));
      assert.deepEqual(ids(await all(store.loadStream('s', 1201))), ids(events.slice(1200)));
      assert.deepEqual(await all(store.loadStream('s', 1204)), []);
      assert.deepEqual(ids(await store.streamPage('s', 2, 3)), ids(events.slice(1, 4)));
    },
  },
  {
    name: 'appends at the version that is expected, and refuses at any other',
    run: async (rig) => {
      const store = await rig.store();
      const streamId = 's';
      const wrongWhenNew: AppendOptions['expectedVersion'][] = [1, 'exists'];
      for (const expectedVersion of wrongWhenNew) {
        const { expected, actual } = await conflict(store, { streamId, expectedVersion });
        assert.deepEqual([expected, actual], [expectedVersion, 0]);
      }
      await store.appendBatch(numbered(1), { streamId, expectedVersion: 'no-stream' });
      await store.appendBatch(numbered(2), { streamId, expectedVersion: 1 });
      await store.appendBatch(numbered(1), { streamId, expectedVersion: 'exists' });
      await store.appendBatch(numbered(1), { streamId, expectedVersion: 'any' });
      const wrong: AppendOptions['expectedVersion'][] = [0, 4, 6, 'no-stream'];
      for (const expectedVersion of wrong) {
        const error = await conflict(store, { streamId, expectedVersion });
        assert.deepEqual([error.streamId, error.expected, error.actual], ['s', expectedVersion, 5]);
      }
      await store.appendBatch(numbered(1), { streamId: 'new', expectedVersion: 0 });
      assert.deepEqual(await versionsOf(store, 's'), upTo(5));
      assert.deepEqual(await versionsOf(store, 'new'), [1]);
    },
  },
  {
    name: 'keeps nothing of an append that conflicts',
    run: async (rig) => {
      const store = await rig.store();
      await rig.append(store, numbered(1), { streamId: 's' });
      await conflict(store, { streamId: 's', expectedVersion: 'no-stream' });
      assert.equal(await store.count(), 1);
      assert.deepEqual(await versionsOf(store, 's'), [1]);
    },
  },
  {
    name: 'repeats an append of unknown outcome without a conflict',
    run: async (rig) => {
      const store = await rig.store();
      const events = numbered(3);
      const options = { streamId: 's', expectedVersion: 0 } as const;
      const first = await rig.append(store, events, options);
      await rig.append(store, numbered(2), { streamId: 's' });
      const again = await rig.append(store, events, options);
      assert.deepEqual(
        again.map(({ position, streamVersion, duplicate }) => [position, streamVersion, duplicate]),
        first.map(({ position, streamVersion }) => [position, streamVersion, true]),
      );
      assert.deepEqual(await versionsOf(store, 's'), upTo(5));
    },
  },
  {
    name: 'lets one of many win who append to a version at once',
    run: async (rig) => oneWins(rig, [await rig.store()]),
  },
  {
    name: 'lets one of many win who append to a version at once in several stores',
    needs: ['shared'],
    run: async (rig) => oneWins(rig, [await rig.store(), await rig.store(), await rig.store()]),
  },
  {
    name: 'appends all of many who do not mind the version, without holes',
    run: async (rig) => allAppend([await rig.store()]),
  },
  {
    name: 'appends all of many who do not mind the version, without holes, in several stores',
    needs: ['shared'],
    run: async (rig) => allAppend([await rig.store(), await rig.store(), await rig.store()]),
  },
  {
    name: 'makes no conflict between streams',
    run: async (rig) => {
      const store = await rig.store();
      const streams = Array.from({ length: 30 }, (_, i) => `s${i}`);
      for (let version = 0; version < 3; version++) {
        await Promise.all(
          streams.map((streamId) => store.appendBatch(numbered(1), { streamId, expectedVersion: version })),
        );
      }
      for (const streamId of streams) assert.deepEqual(await versionsOf(store, streamId), upTo(3));
    },
  },
  {
    name: 'has the events of a stream in their order among all events, too',
    run: async (rig) => {
      const store = await rig.store();
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => store.appendBatch(numbered(2), { streamId: `s${i % 4}` })),
      );
      await rig.append(store, numbered(1));
      const next = new Map<string, number>();
      for (const { streamId, streamVersion } of await all(store.load())) {
        if (streamId === undefined) continue;
        const version = (next.get(streamId) ?? 0) + 1;
        assert.equal(streamVersion, version);
        next.set(streamId, version);
      }
      assert.deepEqual([...next.values()], [20, 20, 20, 20]);
    },
  },
];

async function oneWins(rig: StoreRig, stores: readonly EventStore[]): Promise<void> {
  const [first] = stores;
  await rig.append(first!, numbered(1), { streamId: 's' });
  for (let version = 1; version <= 9; version += 2) {
    const options = { streamId: 's', expectedVersion: version };
    const attempts = Array.from({ length: 12 }, (_, i) =>
      stores[i % stores.length]!.appendBatch(numbered(2), options),
    );
    const outcomes = await Promise.allSettled(attempts);
    const lost = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason as Error] : []));
    for (const error of lost) assert.ok(error instanceof StreamConflictError, String(error));
    assert.equal(lost.length, 11);
  }
  assert.deepEqual(await versionsOf(first!, 's'), upTo(11));
}

async function allAppend(stores: readonly EventStore[]): Promise<void> {
  const appends = Array.from({ length: 30 }, (_, i) =>
    stores[i % stores.length]!.appendBatch(numbered(1 + (i % 3)), { streamId: 's' }),
  );
  const results = (await Promise.all(appends)).flat();
  assert.deepEqual(
    results.map(({ streamVersion }) => streamVersion!).sort((a, b) => a - b),
    upTo(60),
  );
  assert.deepEqual(await versionsOf(stores[0]!, 's'), upTo(60));
}
