import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  createEvent,
  type Event,
  EventBusClosedError,
  EventConfigurationError,
  HANDLED_NOW,
  MemoryBackend,
  QueueFullError,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { recordingHost } from './memory-host.js';

const ONCE = { deduplicate: true };
const DUPLICATE = { duplicate: true };
const never = new AbortController().signal;

const backends: MemoryBackend[] = [];
function memory(...options: ConstructorParameters<typeof MemoryBackend>): MemoryBackend {
  const backend = new MemoryBackend(...options);
  backend.attach(recordingHost());
  backends.push(backend);
  return backend;
}
afterEach(async () => {
  jest.useRealTimers();
  for (const backend of backends.splice(0)) await backend.close();
});

const chosen = (id: string, data: unknown = 1, source?: string) =>
  createEvent('chosen', data, { id, ...(source !== undefined && { source }) });

/** Starts a backend. Resolves with the data of what it delivers. */
async function deliveries(backend: MemoryBackend): Promise<unknown[]> {
  const seen: unknown[] = [];
  await backend.subscribe((event) => (seen.push(event.data), HANDLED_NOW));
  return seen;
}

describe('an event in memory with an id of the emitter', () => {
  it('is accepted once, and the receipt tells', async () => {
    const backend = memory();
    expect(await backend.publish(chosen('a', 1), ONCE)).toBeUndefined();
    expect(await backend.publish(chosen('a', 2), ONCE)).toEqual(DUPLICATE);
    expect(await backend.publish(chosen('a', 3, 'another source'), ONCE)).toBeUndefined();
    expect(await backend.publish(chosen('a', 4))).toBeUndefined();
    const seen = await deliveries(backend);
    await backend.idle(never);
    expect(seen).toEqual([1, 3, 4]);
    expect(await backend.publish(chosen('a', 5), ONCE)).toEqual(DUPLICATE);
  });

  it('keeps its place among the others', async () => {
    const backend = memory();
    const events = Array.from({ length: 20 }, (_, i) => createEvent('x', i, { id: `id-${i}` }));
    await Promise.all(events.map((event, i) => backend.publish(event, i % 2 ? ONCE : undefined)));
    const seen = await deliveries(backend);
    await backend.idle(never);
    expect(seen).toEqual(events.map(({ data }) => data));
  });

  it('is forgotten after deduplicationMs, or when there are too many', async () => {
    jest.useFakeTimers();
    const backend = memory({ deduplicationMs: 1000, deduplicationLimit: 3, queueSize: 100 });
    const emit = (id: string) => backend.publish(chosen(id), ONCE);
    await emit('a');
    jest.advanceTimersByTime(999);
    expect(await emit('a')).toEqual(DUPLICATE);
    jest.advanceTimersByTime(1);
    expect(await emit('a')).toBeUndefined();
    for (const id of ['b', 'c', 'd']) await emit(id);
    for (const id of ['b', 'c', 'd']) expect(await emit(id)).toEqual(DUPLICATE);
    expect(await emit('a')).toBeUndefined();
  });

  it('is known for as long as it is held back', async () => {
    jest.useFakeTimers();
    const backend = memory({ deduplicationMs: 1000 });
    await backend.publish(chosen('a', 1), { ...ONCE, delayMs: 60_000 });
    jest.advanceTimersByTime(59_000);
    expect(await backend.publish(chosen('a', 2), { ...ONCE, delayMs: 60_000 })).toEqual(DUPLICATE);
    expect(await backend.publish(chosen('a', 3), ONCE)).toEqual(DUPLICATE);
    expect(await backend.stats()).toMatchObject({ queued: 0, delayed: 1 });
  });

  it('is accepted each time where deduplicationMs is 0', async () => {
    const backend = memory({ deduplicationMs: 0 });
    expect(backend.capabilities.dedup).toBe(false);
    expect(await backend.publish(chosen('a'), ONCE)).toBeUndefined();
    expect(await backend.publish(chosen('a'), ONCE)).toBeUndefined();
  });

  it('may come again when it was refused', async () => {
    const backend = memory({ queueSize: 1, overflow: 'reject', workers: 1 });
    await backend.publish(createEvent('first', 0));
    await expect(backend.publish(chosen('a', 1), ONCE)).rejects.toBeInstanceOf(QueueFullError);
    const seen = await deliveries(backend);
    await waitFor(() => seen.length === 1);
    expect(await backend.publish(chosen('a', 2), ONCE)).toBeUndefined();
    await backend.idle(never);
    expect(seen).toEqual([0, 2]);
  });

  it('is no duplicate of one that still waits for room, until that one has it', async () => {
    const backend = memory({ queueSize: 1, overflow: 'wait', workers: 1 });
    await backend.publish(createEvent('first', 0));
    const results = [1, 2, 3].map((data) => backend.publish(chosen('a', data), ONCE));
    const seen = await deliveries(backend);
    expect(await Promise.all(results)).toEqual([undefined, DUPLICATE, DUPLICATE]);
    await backend.idle(never);
    expect(seen).toEqual([0, 1]);
  });

  it('is refused, and not called a duplicate, when the backend closes before there is room', async () => {
    const backend = memory({ queueSize: 1, overflow: 'wait', workers: 1 });
    await backend.publish(createEvent('first', 0));
    await backend.publish(chosen('known'), { ...ONCE, delayMs: 60_000 });
    const results = [1, 2].map((data) => backend.publish(chosen('a', data), ONCE));
    await backend.close();
    for (const result of [...results, backend.publish(chosen('known'), ONCE)]) {
      await expect(result).rejects.toBeInstanceOf(EventBusClosedError);
    }
  });

  it.each([{ deduplicationMs: -1 }, { deduplicationMs: 1.5 }, { deduplicationLimit: 0 }])(
    'refuses %j by name',
    (options) => {
      expect(() => new MemoryBackend(options)).toThrow(EventConfigurationError);
      expect(() => new MemoryBackend(options)).toThrow(Object.keys(options)[0]!);
    },
  );
});

describe('a delayed event in memory', () => {
  it('is cancelled by its id, and never comes', async () => {
    jest.useFakeTimers();
    const backend = memory();
    const events: Event[] = [1, 2, 3].map((data) => createEvent('delayed', data));
    for (const event of events) await backend.publish(event, { delayMs: 1000 });
    const seen = await deliveries(backend);
    expect(await backend.cancel(events[1]!.id)).toBe(true);
    expect(await backend.cancel(events[1]!.id)).toBe(false);
    expect(await backend.cancel('unknown')).toBe(false);
    jest.advanceTimersByTime(1000);
    await backend.idle(never);
    expect(seen).toEqual([1, 3]);
    expect(await backend.cancel(events[0]!.id)).toBe(false);
    expect(await backend.stats()).toMatchObject({ delayed: 0 });
  });

  it('lets its id be used again when it is cancelled', async () => {
    const backend = memory();
    const later = { ...ONCE, delayMs: 60_000 };
    await backend.publish(chosen('a', 1), later);
    expect(await backend.cancel('a')).toBe(true);
    expect(await backend.publish(chosen('a', 2), later)).toBeUndefined();
  });

  it('makes room for one that waits for it when it is cancelled', async () => {
    const backend = memory({ queueSize: 1, overflow: 'wait' });
    await backend.publish(chosen('a', 1), { delayMs: 60_000 });
    const waiting = backend.publish(chosen('b', 2), { delayMs: 60_000 });
    expect(await backend.cancel('b')).toBe(false);
    expect(await backend.cancel('a')).toBe(true);
    await waiting;
    expect(await backend.cancel('b')).toBe(true);
  });
});
