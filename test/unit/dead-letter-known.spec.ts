import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createDeadLetter,
  createEvent,
  type DeadLetter,
  deadLetterId,
  type DeadLetterStatus,
  type HandlerAttempt,
  joinDeadLetters,
  MemoryDeadLetterStore,
  type RawMessage,
} from 'nestjs-durable-events';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

const event = createEvent('order.placed', { n: 1 }, { id: 'e' });
const attempt = (at: number): HandlerAttempt => ({
  at,
  durationMs: 1,
  host: 'a',
  error: { name: 'Error', message: `try ${at}` },
});
const letter = (times: number[], raw?: RawMessage) =>
  createDeadLetter(event, 'h', times.map(attempt), { raw });
const times = ({ attempts }: DeadLetter) => attempts.map(({ at }) => at);

describe('a dead letter of an id that is known', () => {
  it('takes the place of the other, when it is a retry that failed', () => {
    const latest = letter([1, 2, 3]);
    expect(joinDeadLetters(letter([1, 2]), latest)).toEqual(latest);
  });

  it('has the earlier tries in front, when its event came again from the start', () => {
    expect(times(joinDeadLetters(letter([1, 2]), letter([5, 6])))).toEqual([1, 2, 5, 6]);
  });

  it('has a try once, when one write was repeated or overlaps with another', () => {
    expect(times(joinDeadLetters(letter([1, 2]), letter([1, 2])))).toEqual([1, 2]);
    expect(times(joinDeadLetters(letter([1, 2]), letter([2, 3])))).toEqual([1, 2, 3]);
  });

  it('keeps what the broker held at first', () => {
    const raw = (body: string): RawMessage => ({ body, encoding: 'utf8', headers: {} });
    expect(joinDeadLetters(letter([1], raw('first')), letter([2], raw('second'))).raw?.body).toBe('first');
    expect(joinDeadLetters(letter([1], raw('first')), letter([2])).raw?.body).toBe('first');
    expect(joinDeadLetters(letter([1]), letter([2], raw('second'))).raw?.body).toBe('second');
  });

  it.each<[DeadLetterStatus, DeadLetterStatus]>([
    ['dead', 'dead'],
    ['retrying', 'dead'],
    ['resolved', 'dead'],
    ['discarded', 'discarded'],
  ])('was %s and is %s in the store', async (status, expected) => {
    const store = new MemoryDeadLetterStore();
    await store.add([letter([1])]);
    if (status !== 'dead') await store.transition('e:h', 'dead', status, { reason: 'because' });
    await store.add([letter([9])]);
    const entry = (await store.get('e:h'))!;
    expect(entry.status).toBe(expected);
    expect(times(entry)).toEqual([1, 9]);
    expect(await store.size()).toBe(expected === 'dead' ? 1 : 0);
    expect((await store.list({ status: expected })).entries).toEqual([entry]);
  });

  it('keeps when and why it was discarded', async () => {
    const store = new MemoryDeadLetterStore();
    await store.add([letter([1])]);
    const discarded = await store.transition('e:h', 'dead', 'discarded', { reason: 'a test order' });
    await store.add([letter([9])]);
    const { changedAt, reason } = (await store.get('e:h'))!;
    expect({ changedAt, reason }).toEqual({ changedAt: discarded!.changedAt, reason: 'a test order' });
  });
});

describe('an event that is delivered again after its dead letter was written', () => {
  afterEach(closeBuses);

  it('adds its tries, and does not undo what an operator decided', async () => {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, retry: false });
    let tries = 0;
    bus.on('order.placed', () => Promise.reject(new Error(`try ${++tries}`)), { id: 'h' });
    const deliver = async () => {
      await backend.publish(event);
      await backend.outcomes.at(-1);
      const entry = (await bus.deadLetters.get('e:h'))!;
      return [entry.status, ...entry.attempts.map(({ error }) => error.message)];
    };
    expect(await deliver()).toEqual(['dead', 'try 1']);
    expect(await deliver()).toEqual(['dead', 'try 1', 'try 2']);
    await bus.deadLetters.discard('e:h', 'a test order');
    expect(await deliver()).toEqual(['discarded', 'try 1', 'try 2', 'try 3']);
    expect(await bus.deadLetters.size()).toBe(0);
  });
});

describe('the id of an entry', () => {
  const id = (event: { id: string; source: string }, handlerId = 'h') => deadLetterId(event, handlerId);

  it('is that of the event and the handler where the id is unique by itself', () => {
    const unique = '01a1fd93-2bda-7b23-9bba-46e08ba248b6';
    expect(id({ id: unique, source: 'orders' })).toBe(`${unique}:h`);
    expect(id({ id: 'order-1', source: 'app' })).toBe('order-1:h');
  });

  it('tells events apart whose emitters chose the same id', () => {
    const ids = [
      id({ id: 'order-1', source: 'shop' }),
      id({ id: 'order-1', source: 'billing' }),
      id({ id: 'order-1', source: 'app' }),
      id({ id: '@shop/order-1', source: 'app' }),
      id({ id: 'b/order-1', source: 'a' }),
      id({ id: 'order-1', source: 'a/b' }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]).toBe('@shop/order-1:h');
  });
});
