import assert from 'node:assert/strict';
import type { EventStore } from '../../../store/event-store.js';
import { all, ids, idsOf, numbered, type StoreCase } from '../rig.js';

async function factsOf(store: EventStore) {
  return (await all(store.load())).map(({ publication, publishError }) => [publication, publishError]);
}

export const publicationCases: readonly StoreCase[] = [
  {
    name: 'notes what became of publishing, and finds events by it',
    run: async (rig) => {
      const store = await rig.store();
      const events = numbered(4);
      await rig.append(store, events.slice(0, 3), { streamId: 's', publication: 'pending' });
      await rig.append(store, events.slice(3));
      const [first, second, third] = ids(events);
      await store.settle([first!, 'unknown'], 'published');
      await store.settle([second!], 'failed', 'the broker is gone');
      assert.deepEqual(await factsOf(store), [
        ['published', undefined],
        ['failed', 'the broker is gone'],
        ['pending', undefined],
        [undefined, undefined],
      ]);
      assert.deepEqual(await idsOf(store, { publication: 'pending' }), [third!]);
      assert.deepEqual(await idsOf(store, { publication: 'failed' }), [second!]);
      assert.equal(await store.count({ publication: 'published' }), 1);
      const stream = (await all(store.loadStream('s'))).map(({ publication }) => publication);
      assert.deepEqual(stream, ['published', 'failed', 'pending']);
    },
  },
  {
    name: 'forgets the error of an event that was published after all, and changes nothing else',
    run: async (rig) => {
      const store = await rig.storeWith(numbered(1), { streamId: 's', publication: 'pending' });
      const [before] = await all(store.load());
      await store.settle([before!.id], 'failed', 'no\u0000 broker');
      assert.deepEqual(await factsOf(store), [['failed', 'no\u0000 broker']]);
      await store.settle([before!.id], 'published');
      const [after] = await all(store.load());
      assert.deepEqual([after!.publication, after!.publishError], ['published', undefined]);
      assert.deepEqual(after!.toJSON(), before!.toJSON());
      assert.equal(after!.position, before!.position);
      assert.deepEqual(after!.recordedAt, before!.recordedAt);
      await store.settle([], 'published');
    },
  },
];
