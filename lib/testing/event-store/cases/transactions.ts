import assert from 'node:assert/strict';
import { createEvent } from '../../../event.js';
import type { EventStore } from '../../../store/event-store.js';
import { StreamConflictError } from '../../../errors.js';
import { all, failure, ids, idsOf, numbered, type StoreCase } from '../rig.js';

/** Reads on from where it was each time: what a follower sees. */
class Follower {
  readonly seen: string[] = [];
  #position: string | undefined;

  constructor(private readonly store: EventStore) {}

  async look(): Promise<void> {
    for (const { id, position } of await this.store.page({ after: this.#position, limit: 1000 })) {
      this.seen.push(id);
      this.#position = position;
    }
  }
}

/** Events are appended with what else the caller writes, or not at all; who follows the store misses none of them. */
export const transactionCases: readonly StoreCase[] = [
  {
    name: 'appends when the transaction commits, and not before',
    needs: ['transact'],
    run: async (rig) => {
      const store = await rig.store();
      const events = numbered(3);
      const { client, commit } = await rig.transact();
      const results = await store.appendBatch(events, { streamId: 's', transaction: client });
      assert.deepEqual(
        results.map(({ id, streamVersion }) => [id, streamVersion]),
        events.map(({ id }, i) => [id, i + 1]),
      );
      assert.deepEqual(await idsOf(store), []);
      assert.deepEqual(await all(store.loadStream('s')), []);
      await commit();
      await rig.append(store, numbered(1));
      assert.deepEqual((await idsOf(store)).slice(0, 3), ids(events));
    },
  },
  {
    name: 'has appended nothing when the transaction is rolled back',
    needs: ['transact'],
    run: async (rig) => {
      const store = await rig.store();
      const { client, rollback } = await rig.transact();
      await store.appendBatch(numbered(3), { streamId: 's', transaction: client });
      await rollback();
      const after = numbered(2);
      await rig.append(store, after, { streamId: 's', expectedVersion: 'no-stream' });
      assert.deepEqual(await idsOf(store), ids(after));
    },
  },
  {
    name: 'shows followers every event once, in one order, whatever commits late',
    needs: ['transact'],
    run: async (rig) => {
      const store = await rig.store();
      const follower = new Follower(store);
      const [early, between, late, last] = [numbered(1), numbered(1), numbered(1), numbered(1)];
      const first = await rig.transact();
      await store.appendBatch(early, { transaction: first.client });
      await store.appendBatch(between);
      await follower.look();
      const second = await rig.transact();
      await store.appendBatch(late, { transaction: second.client });
      await follower.look();
      await first.commit();
      await follower.look();
      await store.appendBatch(last);
      await follower.look();
      await second.commit();
      await rig.until('the follower to see all', async () => {
        await follower.look();
        return follower.seen.length >= 4;
      });
      assert.deepEqual([...follower.seen].sort(), ids([...early, ...between, ...late, ...last]).sort());
      assert.deepEqual(follower.seen, await idsOf(store));
    },
  },
  {
    name: 'has a transaction that began early, but appended late, behind what it saw in the stream',
    needs: ['transact'],
    run: async (rig) => {
      const store = await rig.store();
      const { client, commit } = await rig.transact();
      await store.append(createEvent('begin', 0), { transaction: client });
      await store.appendBatch(numbered(2), { streamId: 's' });
      await store.appendBatch(numbered(2), { streamId: 's', expectedVersion: 2, transaction: client });
      await commit();
      await rig.append(store, numbered(1), { streamId: 's' });
      const versions = (await all(store.load({ streamId: 's' }))).map(({ streamVersion }) => streamVersion);
      assert.deepEqual(versions, [1, 2, 3, 4, 5]);
    },
  },
  {
    name: 'refuses the wrong version, and leaves the transaction as it was',
    needs: ['transact'],
    run: async (rig) => {
      const store = await rig.store();
      const { client, commit } = await rig.transact();
      const kept = numbered(1);
      await store.appendBatch(kept, { streamId: 's', transaction: client });
      const error = await failure('The append', () =>
        store.appendBatch(numbered(1), { streamId: 's', expectedVersion: 0, transaction: client }),
      );
      assert.ok(error instanceof StreamConflictError, String(error));
      assert.equal(error.actual, 1);
      await commit();
      await rig.append(store, numbered(1));
      assert.deepEqual((await idsOf(store))[0], kept[0]!.id);
    },
  },
  {
    name: 'runs work of its own transaction whole or not at all',
    needs: ['transact'],
    run: async (rig) => {
      const store = await rig.store();
      const [good, bad] = [numbered(2), numbered(2)];
      const run = store.transaction!.bind(store);
      assert.equal(
        await run((client) => store.appendBatch(good, { transaction: client }).then(() => 'done')),
        'done',
      );
      const error = await failure('The transaction', () =>
        run(async (client) => {
          await store.appendBatch(bad, { transaction: client });
          throw new Error('no');
        }),
      );
      assert.equal(error.message, 'no');
      await rig.append(store, numbered(1));
      assert.deepEqual((await idsOf(store)).slice(0, 2), ids(good));
      assert.equal(await store.count(), 3);
    },
  },
];
