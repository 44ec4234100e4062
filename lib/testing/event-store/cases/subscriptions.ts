import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventStore } from '../../../store/event-store.js';
import type { StoredEvent } from '../../../store/stored-event.js';
import type { SubscribeOptions } from '../../../store/subscription-options.js';
import { ids, numbered, type StoreCase, type StoreRig } from '../rig.js';

const QUICK: SubscribeOptions = { pollMs: 20, leaseMs: 1000 };

/** Subscribes a handler that notes what it sees. */
function watch(rig: StoreRig, store: EventStore, options: SubscribeOptions = {}, types = '**') {
  const seen: StoredEvent[] = [];
  const note = (event: StoredEvent): void => void seen.push(event);
  const subscription = store.subscribe({ types }, note, { ...QUICK, ...options });
  const caughtUp = () => subscription.caughtUp({ timeoutMs: rig.timeoutMs });
  return { seen, subscription, caughtUp };
}

/** What is there comes first, then what is appended; a name goes on where it was, in one place at a time. */
export const subscriptionCases: readonly StoreCase[] = [
  {
    name: 'hands over what is there, then what comes, in order and once',
    run: async (rig) => {
      const [before, after] = [numbered(250), numbered(30)];
      const store = await rig.storeWith(before);
      const { seen, subscription, caughtUp } = watch(rig, store);
      await caughtUp();
      for (const event of after) await store.append(event);
      await rig.until('the new events', () => seen.length >= 280);
      await rig.append(store, numbered(1, { type: 'end' }));
      await caughtUp();
      assert.deepEqual(ids(seen).slice(0, 280), ids([...before, ...after]));
      assert.equal(seen.length, 281);
      assert.equal(subscription.state, 'live');
    },
  },
  {
    name: 'hands over what is meant, and gets past what is not',
    run: async (rig) => {
      const store = await rig.storeWith(numbered(600, { type: 'noise' }));
      const { seen, subscription, caughtUp } = watch(rig, store, { name: 'orders' }, 'order.*');
      const orders = numbered(3);
      await rig.append(store, orders);
      await caughtUp();
      await rig.append(store, numbered(5, { type: 'noise' }));
      const head = (await store.head())!;
      await rig.until('the position', () => (subscription.position ?? '') >= head);
      assert.deepEqual(ids(seen), ids(orders));
    },
  },
  {
    name: 'goes on where a subscription of the name was stopped',
    run: async (rig) => {
      const [first, second] = [numbered(5), numbered(4)];
      const store = await rig.storeWith(first);
      const before = watch(rig, store, { name: 'orders' });
      await before.caughtUp();
      await before.subscription.stop();
      await rig.append(store, second);
      const after = watch(rig, store, { name: 'orders' });
      await after.caughtUp();
      assert.deepEqual(ids(before.seen), ids(first));
      assert.deepEqual(ids(after.seen), ids(second));
    },
  },
  {
    name: 'goes on where another store stopped',
    needs: ['shared'],
    run: async (rig) => {
      const [first, second] = [numbered(5), numbered(4)];
      const store = await rig.storeWith(first);
      const before = watch(rig, store, { name: 'orders' });
      await before.caughtUp();
      await store.close();
      assert.equal(before.subscription.state, 'stopped');
      const other = await rig.store();
      await rig.append(other, second);
      const after = watch(rig, other, { name: 'orders' });
      await after.caughtUp();
      assert.deepEqual(ids(after.seen), ids(second));
    },
  },
  {
    name: 'hands over in one store at a time, and in the other when that stops',
    needs: ['shared'],
    run: async (rig) => {
      const store = await rig.storeWith(numbered(3));
      const first = watch(rig, store, { name: 'orders' });
      await first.caughtUp();
      const other = await rig.store();
      const second = watch(rig, other, { name: 'orders' });
      const more = numbered(20);
      for (const event of more) await other.append(event);
      await second.caughtUp();
      assert.equal(second.seen.length, 0);
      assert.equal(second.subscription.state, 'waiting');
      assert.equal(first.seen.length, 23);
      await first.subscription.stop();
      const last = numbered(2);
      await rig.append(other, last);
      await second.caughtUp();
      assert.deepEqual(ids(second.seen), ids(last));
    },
  },
  {
    name: 'begins at the end, or behind a position, where it is told to',
    run: async (rig) => {
      const events = numbered(5);
      const store = await rig.storeWith(events);
      const [third] = await store.page({ limit: 1, after: (await store.page({ limit: 2 }))[1]!.position });
      const behind = watch(rig, store, { from: third!.position });
      const end = watch(rig, store, { from: 'end' });
      await rig.until('both to be live', () =>
        [behind, end].every(({ subscription }) => subscription.state === 'live'),
      );
      const more = numbered(2);
      await rig.append(store, more);
      await behind.caughtUp();
      await end.caughtUp();
      assert.deepEqual(ids(behind.seen), ids([...events.slice(3), ...more]));
      assert.deepEqual(ids(end.seen), ids(more));
    },
  },
  {
    name: 'tries an event again that failed, before the next one',
    run: async (rig) => {
      const events = numbered(3);
      const store = await rig.storeWith(events);
      const tries: [string, number][] = [];
      const subscription = store.subscribe(
        {},
        ({ id }, { attempt }) => {
          tries.push([id, attempt]);
          if (id === events[1]!.id && attempt < 3) throw new Error('not yet');
        },
        { ...QUICK, onError: () => undefined },
      );
      await subscription.caughtUp({ timeoutMs: rig.timeoutMs });
      const [a, b, c] = ids(events);
      assert.deepEqual(tries, [
        [a, 1],
        [b, 1],
        [b, 2],
        [b, 3],
        [c, 1],
      ]);
    },
  },
  {
    name: 'ends subscriptions when it is closed, and hands over nothing after that',
    run: async (rig) => {
      const store = await rig.storeWith(numbered(3));
      const { seen, subscription } = watch(rig, store);
      await rig.until('the events', () => seen.length === 3);
      await store.close();
      assert.equal(subscription.state, 'stopped');
      await sleep(3 * QUICK.pollMs!);
      assert.equal(seen.length, 3);
      await store.close();
    },
  },
  {
    name: 'hands over a batch in a transaction that saves the checkpoint, once each',
    needs: ['transact'],
    run: async (rig) => {
      const store = await rig.storeWith(numbered(5));
      const clients = new Set<unknown>();
      let failures = 1;
      const handled: string[] = [];
      const subscription = store.subscribe(
        { types: 'order.*' },
        async (event, { client }) => {
          clients.add(client);
          const id = `made:${event.id}`;
          await store.append(numbered(1, { type: 'made', id })[0]!, { transaction: client });
          if ((event.data as { n: number }).n === 3 && failures-- > 0) throw new Error('not yet');
          handled.push(event.id);
        },
        { ...QUICK, name: 'making', transaction: true, onError: () => undefined },
      );
      await subscription.caughtUp({ timeoutMs: rig.timeoutMs });
      await subscription.stop();
      await rig.append(store, numbered(1));
      assert.ok(!clients.has(undefined));
      assert.equal(await store.count({ types: 'made' }), 5);
      assert.ok(handled.length >= 5);
    },
  },
];
