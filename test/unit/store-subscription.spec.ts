import { expect, test } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import { MemoryEventStore, type StoredEvent } from 'nestjs-durable-events/store';
import { waitFor } from '../support/wait-for.js';

const orders = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => createEvent('order.placed', { n: from + i }));

/** A store with orders 1 to `count`. */
async function storeWith(count: number): Promise<MemoryEventStore> {
  const store = new MemoryEventStore();
  if (count > 0) await store.appendBatch(orders(1, count));
  return store;
}

const numbersOf = (events: readonly StoredEvent[]) => events.map(({ data }) => (data as { n: number }).n);

test('what is there comes first, then what is appended, in order', async () => {
  const store = await storeWith(250);
  const seen: StoredEvent[] = [];
  const subscription = store.subscribe({}, (event) => void seen.push(event), { pollMs: 60_000 });

  await subscription.caughtUp({ timeoutMs: 5000 });
  await store.appendBatch(orders(251, 300));
  await subscription.caughtUp({ timeoutMs: 5000 });

  expect(numbersOf(seen)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
  await subscription.stop();
  expect(subscription.state).toBe('stopped');
});

test('a name goes on where it was, and handles nothing twice', async () => {
  const store = await storeWith(5);
  const seen: StoredEvent[] = [];
  const subscribe = () => store.subscribe({}, (event) => void seen.push(event), { name: 'orders' });
  const first = subscribe();
  await first.caughtUp({ timeoutMs: 5000 });
  await first.stop();
  await store.appendBatch(orders(6, 8));

  const second = subscribe();
  await second.caughtUp({ timeoutMs: 5000 });
  await second.stop();

  expect(numbersOf(seen)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('of two with one name, one handles events until it stops', async () => {
  const store = await storeWith(3);
  const seen: string[] = [];
  const subscribe = (who: string) =>
    store.subscribe({}, () => void seen.push(who), { name: 'orders', pollMs: 20 });
  const first = subscribe('first');
  await first.caughtUp({ timeoutMs: 5000 });
  const second = subscribe('second');
  await store.appendBatch(orders(4, 6));
  await second.caughtUp({ timeoutMs: 5000 });
  expect(second.state).toBe('waiting');

  await first.stop();
  await store.appendBatch(orders(7, 7));
  await second.caughtUp({ timeoutMs: 5000 });
  await second.stop();

  expect(seen).toEqual([...Array.from({ length: 6 }, () => 'first'), 'second']);
});

test('an event that fails is tried again before the next one comes', async () => {
  const store = await storeWith(3);
  const attempts: string[] = [];
  const errors: string[] = [];
  const subscription = store.subscribe(
    { types: 'order.*' },
    (event, { attempt }) => {
      attempts.push(`${numbersOf([event])[0]}:${attempt}`);
      if (attempts.length === 2) throw new Error('not yet');
    },
    { onError: (error) => void errors.push(error.message) },
  );
  await subscription.caughtUp({ timeoutMs: 5000 });
  await subscription.stop();

  expect(attempts).toEqual(['1:1', '2:1', '2:2', '3:1']);
  expect(errors).toEqual(['not yet']);
});

test('an event that is skipped does not come back', async () => {
  const store = await storeWith(3);
  const handle = (event: StoredEvent) => {
    if (numbersOf([event])[0] === 2) throw new Error('never');
    return undefined;
  };
  const skipping = store.subscribe({}, handle, { name: 'orders', onError: () => 'skip' });
  await skipping.caughtUp({ timeoutMs: 5000 });
  await skipping.stop();

  const left: StoredEvent[] = [];
  const again = store.subscribe({}, (event) => void left.push(event), { name: 'orders' });
  await again.caughtUp({ timeoutMs: 5000 });
  await again.stop();
  expect(left).toEqual([]);
});

test("'end' begins with what comes later, also after a stop before the first event", async () => {
  const store = await storeWith(3);
  const seen: StoredEvent[] = [];
  const subscribe = () =>
    store.subscribe({}, (event) => void seen.push(event), { name: 'late', from: 'end' });
  const first = subscribe();
  await waitFor(() => first.state === 'live', { message: 'the subscription to be live' });
  await first.stop();
  await store.appendBatch(orders(4, 4));
  const second = subscribe();
  await second.caughtUp({ timeoutMs: 5000 });
  await second.stop();

  expect(numbersOf(seen)).toEqual([4]);
});

test('without a checkpoint it is prepared before the first event, until that succeeds', async () => {
  const store = await storeWith(2);
  const calls: string[] = [];
  const subscribe = () =>
    store.subscribe({}, (event) => void calls.push(`event ${numbersOf([event])[0]}`), {
      name: 'orders',
      pollMs: 20,
      prepare: ({ attempt }) => {
        calls.push(`prepare ${attempt}`);
        if (attempt === 1) throw new Error('not yet');
      },
      onError: (error, event, attempt) => void calls.push(`${error.message} ${event?.id} ${attempt}`),
    });
  const first = subscribe();
  await first.caughtUp({ timeoutMs: 5000 });
  await first.stop();
  expect(calls).toEqual(['prepare 1', 'not yet undefined 1', 'prepare 2', 'event 1', 'event 2']);

  calls.length = 0;
  const second = subscribe();
  await store.append(orders(3, 3)[0]!);
  await second.caughtUp({ timeoutMs: 5000 });
  expect(calls).toEqual(['event 3']);

  await store.checkpoints.remove('orders');
  await store.append(orders(4, 4)[0]!);
  await waitFor(() => calls.filter((call) => call === 'event 4').length === 2, {
    message: () => `all events again: ${calls.join(', ')}`,
  });
  await second.stop();
  expect(calls.slice(calls.indexOf('prepare 1'))).toEqual([
    'prepare 1',
    'not yet undefined 1',
    'prepare 2',
    'event 1',
    'event 2',
    'event 3',
    'event 4',
  ]);
});

test("'end' of an empty store is its beginning, also for whoever goes on after a crash", async () => {
  const store = await storeWith(0);
  const seen: StoredEvent[] = [];
  const subscribe = () =>
    store.subscribe({}, (event) => void seen.push(event), { name: 'late', from: 'end' });
  const first = subscribe();
  await waitFor(() => first.state === 'live', { message: 'the subscription to be live' });
  await first.stop();
  await store.appendBatch(orders(1, 2));
  const second = subscribe();
  await second.caughtUp({ timeoutMs: 5000 });
  await second.stop();

  expect(numbersOf(seen)).toEqual([1, 2]);
});

test('a stop tells the handler, and waits for it; what it finished is not done again', async () => {
  const store = await storeWith(3);
  const seen: number[] = [];
  let begin!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const first = store.subscribe(
    {},
    async (event, { signal }) => {
      begin();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      seen.push(...numbersOf([event]));
    },
    { name: 'orders' },
  );
  await begun;
  await first.stop();
  expect(seen).toEqual([1]);

  const second = store.subscribe({}, (event) => void seen.push(...numbersOf([event])), { name: 'orders' });
  await second.caughtUp({ timeoutMs: 5000 });
  await second.stop();
  expect(seen).toEqual([1, 2, 3]);
});

test('what a handler gave up because of a stop comes again', async () => {
  const store = await storeWith(2);
  const errors: unknown[] = [];
  let begin!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const first = store.subscribe(
    {},
    async (_, { signal }) => {
      begin();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw signal.reason;
    },
    { name: 'orders', onError: (error) => void errors.push(error) },
  );
  await begun;
  await first.stop();

  const left: StoredEvent[] = [];
  const second = store.subscribe({}, (event) => void left.push(event), { name: 'orders' });
  await second.caughtUp({ timeoutMs: 5000 });
  await second.stop();
  expect(numbersOf(left)).toEqual([1, 2]);
  expect(errors).toEqual([]);
});

test('a listener for errors that throws changes nothing', async () => {
  const store = await storeWith(2);
  const attempts: string[] = [];
  const subscription = store.subscribe(
    {},
    (event, { attempt }) => {
      attempts.push(`${numbersOf([event])[0]}:${attempt}`);
      if (attempts.length === 1) throw new Error('not yet');
    },
    {
      onError: () => {
        throw new Error('the listener, too');
      },
    },
  );
  await subscription.caughtUp({ timeoutMs: 5000 });
  await subscription.stop();

  expect(attempts).toEqual(['1:1', '1:2', '2:1']);
});

test('the checkpoint gets past events that are not meant', async () => {
  const store = await storeWith(5);
  const subscription = store.subscribe({ types: 'invoice.*' }, () => undefined, {
    name: 'invoices',
    pollMs: 10,
  });
  const saved = async () => (await store.checkpoints.read('invoices'))?.position;
  await waitFor(async () => (await saved()) === (await store.head()), {
    message: 'the checkpoint to reach the head while nothing is stopped',
  });
  await subscription.stop();
});

test('waiting to be caught up ends when it is stopped before', async () => {
  const store = await storeWith(1);
  let begin!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const subscription = store.subscribe({}, (_, { signal }) => {
    begin();
    return new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(new Error('given up'))),
    );
  });
  const caughtUp = subscription.caughtUp();
  await Promise.all([
    expect(caughtUp).rejects.toThrow('A subscription was stopped before it had caught up.'),
    begun.then(() => subscription.stop()),
  ]);
});

test('a lease that the store does not confirm in time ends here, and the handler is told', async () => {
  const store = await storeWith(3);
  const { checkpoints } = store;
  const acquire = checkpoints.acquire.bind(checkpoints);
  let answering = true;
  // As over a network that swallows everything: no call fails, and none returns.
  checkpoints.acquire = async (name, leaseMs) => {
    const lease = await acquire(name, leaseMs);
    if (lease === undefined) return undefined;
    const orSilence = <T>(work: () => Promise<T>) => (answering ? work() : new Promise<T>(() => undefined));
    return { ...lease, renew: () => orSilence(() => lease.renew()) };
  };
  const told: string[] = [];
  const stale = store.subscribe(
    {},
    async (event, { signal }) => {
      answering = false;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      told.push(`gave up ${numbersOf([event])[0]}`);
      answering = true;
      throw new Error('given up');
    },
    { name: 'orders', leaseMs: 300 },
  );
  await waitFor(() => told.length > 0, { timeoutMs: 10_000, message: 'the handler to be told' });
  const stopped = stale.stop();
  const heir: StoredEvent[] = [];
  const other = store.subscribe({}, (event) => void heir.push(event), { name: 'orders', pollMs: 20 });
  await other.caughtUp({ timeoutMs: 10_000 });
  await Promise.all([stopped, other.stop()]);
  expect(numbersOf(heir)).toEqual([1, 2, 3]);
});
