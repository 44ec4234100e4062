import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createDeadLetter,
  createEvent,
  type DeadLetterGroup,
  type DeadLetterStatus,
  type EventBus,
  EventConfigurationError,
  MemoryDeadLetterStore,
} from 'nestjs-durable-events';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

let store: MemoryDeadLetterStore;
let bus: EventBus;
beforeEach(async () => {
  store = new MemoryDeadLetterStore();
  bus = await startBus({ backend: new PlainBackend(), deadLetters: store });
});
afterEach(closeBuses);

function letter(n: number, message: string, type = 'x', handlerId = 'h') {
  const failed = { at: n, durationMs: 0, error: { name: 'Error', message } };
  const event = createEvent(type, n, { id: String(n) });
  return { ...createDeadLetter(event, handlerId, [failed]), failedAt: new Date(n) };
}

describe('groups', () => {
  it('counts kinds of failures, the largest first', async () => {
    await store.add([
      letter(1, 'Timeout after 100 ms', 'order.placed'),
      letter(2, 'No such customer'),
      letter(3, 'Timeout after 250 ms', 'order.paid'),
      letter(4, 'Timeout after 9 ms', 'order.placed'),
      letter(5, 'Timeout after 9 ms', 'order.placed', 'other'),
      letter(6, 'Timeout after 9 ms', 'order.placed'),
    ]);
    await bus.deadLetters.discard('6:h');
    const groups = await bus.deadLetters.groups();
    expect(groups).toEqual([
      {
        fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
        count: 3,
        handlerId: 'h',
        types: ['order.paid', 'order.placed'],
        error: { name: 'Error', message: 'Timeout after 9 ms' },
        firstFailedAt: new Date(1),
        lastFailedAt: new Date(4),
      },
      expect.objectContaining({ count: 1, handlerId: 'other' }),
      expect.objectContaining({ count: 1, error: { name: 'Error', message: 'No such customer' } }),
    ]);
    const { fingerprint } = groups[0]!;
    expect((await bus.deadLetters.list({ fingerprint })).entries.map(({ id }) => id)).toEqual([
      '1:h',
      '3:h',
      '4:h',
    ]);
    expect(await bus.deadLetters.groups({ status: 'discarded' })).toMatchObject([{ count: 1, fingerprint }]);
    expect(await bus.deadLetters.groups({ handlerId: 'nobody' })).toEqual([]);
  });

  it('counts more than a page', async () => {
    await store.add(Array.from({ length: 1234 }, (_, n) => letter(n, n % 2 === 0 ? 'even' : 'odd')));
    expect((await bus.deadLetters.groups()).map(({ count }) => count)).toEqual([617, 617]);
  });

  it('leaves it to a store that can', async () => {
    const counted: DeadLetterGroup[] = [];
    const own = Object.assign(store, { groups: () => Promise.resolve(counted) });
    expect(await bus.deadLetters.groups()).toBe(counted);
    expect(own.groups).toBeDefined();
  });
});

describe('purge', () => {
  const ALL: DeadLetterStatus[] = ['dead', 'retrying', 'resolved', 'discarded'];
  const left = async () => (await store.list({ status: ALL })).entries.map(({ id }) => id);

  beforeEach(async () => {
    await store.add([1, 2, 3, 4, 5].map((n) => letter(n, 'no', n === 5 ? 'y' : 'x')));
    await store.transition('1:h', 'dead', 'resolved');
    await store.transition('2:h', 'dead', 'discarded');
    await store.transition('3:h', 'dead', 'retrying');
    await store.transition('5:h', 'dead', 'resolved');
  });

  it('deletes what is closed and older, and nothing else', async () => {
    expect(await bus.deadLetters.purge(new Date(2))).toBe(1);
    expect(await left()).toEqual(['2:h', '3:h', '4:h', '5:h']);
    expect(await bus.deadLetters.purge(new Date(100), { type: 'x' })).toBe(1);
    expect(await left()).toEqual(['3:h', '4:h', '5:h']);
  });

  it('deletes dead ones when asked to by name, and never those that are retried', async () => {
    expect(await bus.deadLetters.purge(new Date(100), { status: ['dead', 'retrying'] })).toBe(1);
    expect(await left()).toEqual(['1:h', '2:h', '3:h', '5:h']);
  });

  it.each([undefined, null, 'yesterday', new Date('x')])('refuses %p as an age', async (date) => {
    await expect(bus.deadLetters.purge(date as Date)).rejects.toThrow(EventConfigurationError);
    await expect(bus.deadLetters.purge(date as Date)).rejects.toThrow(/olderThan = .*must be a valid Date/);
    expect(await left()).toHaveLength(5);
  });

  it('refuses a filter that it would misread', async () => {
    const misspelt = { handlerID: 'h' } as object;
    await expect(bus.deadLetters.purge(new Date(100), misspelt)).rejects.toThrow(/handlerID = h/);
    expect(await left()).toHaveLength(5);
  });
});

describe('drain', () => {
  it('hands over what is out when the store fails, and fails when nothing is', async () => {
    await store.add([letter(1, 'no'), letter(2, 'no'), letter(3, 'no')]);
    const take = store.take.bind(store);
    let calls = 0;
    store.take = (id) => (++calls >= 3 ? Promise.reject(new Error('the store is away')) : take(id));
    expect((await bus.deadLetters.drain()).map(({ id }) => id)).toEqual(['1:h', '2:h']);
    expect(await bus.deadLetters.size()).toBe(1);
    await expect(bus.deadLetters.drain()).rejects.toThrow('the store is away');
    store.take = take;
    expect((await bus.deadLetters.drain()).map(({ id }) => id)).toEqual(['3:h']);
  });
});
