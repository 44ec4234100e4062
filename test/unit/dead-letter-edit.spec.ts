import { afterEach, describe, expect, it } from '@jest/globals';
import {
  ALL_HANDLERS,
  createEvent,
  decodeEvent,
  defineEvent,
  encodeEvent,
  type Event,
  EventSerializationError,
  EventValidationError,
  MemoryBackend,
  MemoryDeadLetterStore,
} from 'nestjs-durable-events';
import { z } from 'zod';
import { closeBuses, startBus } from './buses.js';
import { mendingBus, untilStatus } from './dead-letter-bus.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

const Order = defineEvent('order.placed', {
  version: 2,
  schema: z.object({ total: z.coerce.number().positive() }),
  upcast: { 1: ({ sum }: { sum: number }) => ({ total: sum }) },
});

describe('editAndRetry', () => {
  it('gives the failed handler the same event with other data, and keeps what it was', async () => {
    const mending = await mendingBus();
    const { bus, calls, fail } = mending;
    const [before] = await fail({ n: 1 });
    mending.fails = (data) => (data as { n: number }).n === 1;
    calls.length = 0;
    const { id } = before!;
    expect(await bus.deadLetters.editAndRetry(id, { n: 2 })).toEqual({ count: 1, ids: [id] });
    await untilStatus(bus, id, 'resolved');
    expect(calls).toEqual([{ n: 2 }]);
    const entry = (await bus.deadLetters.get(id))!;
    expect(entry.event.toJSON()).toEqual({ ...before!.event.toJSON(), data: { n: 2 } });
    expect(decodeEvent(entry.raw!.body).toJSON()).toEqual(before!.event.toJSON());
  });

  it('comes back with its history, its latest data and its first form, when it fails again', async () => {
    const { bus, fail } = await mendingBus(new PlainBackend());
    const { id, event } = (await fail('first'))[0]!;
    for (const [i, data] of ['second', 'third'].entries()) {
      await bus.deadLetters.editAndRetry(id, data);
      await bus.idle({ timeoutMs: 2000 });
      const entry = (await bus.deadLetters.get(id))!;
      expect(entry).toMatchObject({ status: 'dead', event: { id: event.id, data } });
      expect(entry.attempts).toHaveLength(i + 2);
      expect(decodeEvent(entry.raw!.body).data).toBe('first');
    }
  });

  it('is for a dead one only, and runs once for two operators', async () => {
    const mending = await mendingBus();
    const { bus, calls, fail } = mending;
    const [entry] = await fail('a');
    mending.fails = () => false;
    calls.length = 0;
    const { deadLetters } = bus;
    const results = await Promise.all(['b', 'c'].map((data) => deadLetters.editAndRetry(entry!.id, data)));
    await untilStatus(bus, entry!.id, 'resolved');
    expect(results.reduce((sum, { count }) => sum + count, 0)).toBe(1);
    expect(calls).toHaveLength(1);
    expect(await deadLetters.editAndRetry(entry!.id, 'd')).toEqual({ count: 0, ids: [] });
    expect(await deadLetters.editAndRetry('unknown', 'd')).toEqual({ count: 0, ids: [] });
  });

  it.each([
    ['a backend that keeps them', () => new MemoryBackend()],
    ['a backend that knows nothing of them', () => new PlainBackend()],
  ])('checks the data as emit does, and changes nothing when it does not fit: %s', async (_, make) => {
    const backend = make();
    const bus = await startBus({ backend, retry: false, schemas: [Order] });
    const seen: unknown[] = [];
    bus.on(Order, ({ data }) => void seen.push(data), { id: 'h' });
    await backend.publish(createEvent('order.placed', { total: -1 }, { id: 'e', version: 2 }));
    const id = 'e:*';
    await untilStatus(bus, id, 'dead');
    const before = await bus.deadLetters.get(id);
    const refused = bus.deadLetters.editAndRetry(id, { total: 'many' });
    await expect(refused).rejects.toThrow(EventValidationError);
    await expect(refused).rejects.toMatchObject({ eventType: 'order.placed', issues: [{ path: 'total' }] });
    expect(await bus.deadLetters.get(id)).toEqual(before);
    await bus.deadLetters.editAndRetry(id, { total: '7' });
    await untilStatus(bus, id, 'resolved');
    expect(seen).toEqual([{ total: 7 }]);
  });

  it('takes data of the present version, whatever the event had', async () => {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, retry: false });
    let broken = true;
    const seen: unknown[] = [];
    bus.on(
      Order,
      ({ data, version }) => {
        if (broken) throw new Error('broken');
        seen.push([data, version]);
      },
      { id: 'h' },
    );
    await backend.publish(createEvent('order.placed', { sum: 3 }, { id: 'e' }));
    await untilStatus(bus, 'e:h', 'dead');
    broken = false;
    await bus.deadLetters.editAndRetry('e:h', { total: 4 });
    await untilStatus(bus, 'e:h', 'resolved');
    expect(seen).toEqual([[{ total: 4 }, 2]]);
  });

  it('refuses where the first form cannot be kept, as it is not JSON', async () => {
    const { bus } = await mendingBus(new MemoryBackend());
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    bus.on('y', () => Promise.reject(new Error('no')), { id: 'y' });
    const { id } = await bus.emitAsync('y', cycle);
    await untilStatus(bus, `${id}:y`, 'dead');
    await expect(bus.deadLetters.editAndRetry(`${id}:y`, {})).rejects.toThrow(EventSerializationError);
    expect(await bus.deadLetters.get(`${id}:y`)).toMatchObject({ status: 'dead', event: { data: cycle } });
  });
});

describe('an entry that holds no event', () => {
  async function unreadable() {
    const deadLetters = new MemoryDeadLetterStore();
    const backend = new PlainBackend();
    const bus = await startBus({ backend, deadLetters, retry: false });
    const seen: unknown[] = [];
    bus.on('x', ({ id, data }) => void seen.push([id, data]), { id: 'h' });
    bus.on('x', () => Promise.reject(new Error('no')), { id: 'other' });
    await backend.dispatch!('garbage' as never);
    const { entries } = await bus.deadLetters.list();
    expect(entries).toMatchObject([
      { handlerId: ALL_HANDLERS, event: { type: 'unreadable', data: 'garbage' } },
    ]);
    return { bus, id: entries[0]!.id, seen };
  }

  it('is as dead as before when it is retried, and says what to do', async () => {
    const { bus, id, seen } = await unreadable();
    await bus.deadLetters.retry(id);
    await bus.idle({ timeoutMs: 2000 });
    const entry = (await bus.deadLetters.get(id))!;
    expect(entry.status).toBe('dead');
    expect(entry.attempts.at(-1)!.error.message).toMatch(/holds no event.*editAndRetry/);
    expect(await bus.deadLetters.size()).toBe(1);
    expect(seen).toEqual([]);
  });

  it.each<[string, (event: Event) => unknown]>([
    ['an Event', (event) => event],
    ['its JSON form', (event) => event.toJSON()],
    ['a CloudEvent', (event) => JSON.parse(encodeEvent(event)) as unknown],
    ['a CloudEvent as text', encodeEvent],
  ])('is replaced by %s, which every handler gets', async (_, form) => {
    const { bus, id, seen } = await unreadable();
    await bus.deadLetters.editAndRetry(id, form(createEvent('x', { n: 1 }, { id: 'mended' })));
    await untilStatus(bus, id, 'resolved');
    expect(seen).toEqual([['mended', { n: 1 }]]);
    expect((await bus.deadLetters.list()).entries).toMatchObject([
      { id: 'mended:other', status: 'dead', attempts: [{ error: { name: 'EventSerializationError' } }, {}] },
    ]);
  });

  it.each<[unknown]>([['still garbage'], [{ type: 'x' }], [null]])('refuses %p', async (data) => {
    const { bus, id } = await unreadable();
    const before = await bus.deadLetters.get(id);
    await expect(bus.deadLetters.editAndRetry(id, data)).rejects.toThrow(EventSerializationError);
    expect(await bus.deadLetters.get(id)).toEqual(before);
  });
});
