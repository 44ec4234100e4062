import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { defineEvent, type Event, type PublishEntry } from 'nestjs-durable-events';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

const anError = () => new Error('the very error');

describe('emitSync', () => {
  it('runs sync and async handlers one after the other, by priority, then in order', async () => {
    const bus = await startBus();
    const steps: string[] = [];
    bus.on('x', () => void steps.push('second'));
    bus.on('x', async () => {
      steps.push('third begins');
      await delay(2);
      steps.push('third ends');
    });
    bus.on('x', () => void steps.push('fourth'), { async: true });
    bus.on('x', () => void steps.push('first'), { priority: 1 });
    await bus.emitSync('x');
    expect(steps).toEqual(['first', 'second', 'third begins', 'third ends', 'fourth']);
  });

  it.each([
    ['sync', () => Promise.resolve().then(() => undefined)],
    ['async', async () => delay(1)],
  ])('rejects with the very error of the first failure and runs nothing after it (%s)', async (_, before) => {
    const bus = await startBus();
    const error = anError();
    let later = 0;
    bus.on('x', before);
    bus.on('x', () => {
      throw error;
    });
    bus.on('x', () => void later++);
    await expect(bus.emitSync('x')).rejects.toBe(error);
    expect(later).toBe(0);
  });

  it.each([
    ['sync', () => 42],
    ['async', async () => 42],
  ])('resolves to nothing, whatever handlers return (%s)', async (_, handler) => {
    const bus = await startBus();
    bus.on('x', handler);
    await expect(bus.emitSync('x')).resolves.toBeUndefined();
  });

  it('is neither retried nor a dead letter', async () => {
    const bus = await startBus();
    let calls = 0;
    bus.on('x', () => {
      calls++;
      throw anError();
    });
    await expect(bus.emitSync('x')).rejects.toThrow('the very error');
    await bus.idle({ timeoutMs: 1000 });
    expect(calls).toBe(1);
    expect(await bus.deadLetters.size()).toBe(0);
  });

  it('with nobody to handle is fine', async () => {
    const bus = await startBus();
    await expect(bus.emitSync('x')).resolves.toBeUndefined();
    expect(bus.hasHandlers('x')).toBe(false);
  });

  it('never throws instead of rejecting', async () => {
    const bus = await startBus();
    await expect(bus.emitSync(undefined as unknown as string)).rejects.toThrow(
      'An event needs a name: a non-empty string, a definition or a class, but got undefined.',
    );
  });
});

describe('the envelope', () => {
  it('has a default for everything', async () => {
    const bus = await startBus({ source: 'shop' });
    const seen: Event[] = [];
    bus.on('x', (event) => void seen.push(event));
    const before = Date.now();
    await bus.emitSync('x', { n: 1 });
    const [event] = seen;
    expect(event).toMatchObject({ type: 'x', data: { n: 1 }, source: 'shop', version: 1, metadata: {} });
    expect(event!.createdAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(event!.correlationId).toBe(event!.id);
    expect([event!.key, event!.causationId]).toEqual([undefined, undefined]);
  });

  it('takes what the emitter chooses, through JSON and back', async () => {
    const bus = await startBus(new PlainBackend());
    const seen: Event[] = [];
    bus.on('x', (event) => void seen.push(event));
    const options = {
      id: 'my-id',
      key: 'k',
      correlationId: 'flow',
      causationId: 'cause',
      source: 'elsewhere',
      version: 3,
      metadata: { userId: 'u', tenantId: 't', requestId: 'r', traceId: 'tr', custom: { a: [1, { b: 2 }] } },
    };
    expect(await bus.emitAsync('x', 1, options)).toEqual({ id: 'my-id', backend: 'plain' });
    await bus.idle({ timeoutMs: 1000 });
    expect(seen[0]).toMatchObject({ ...options, type: 'x', data: 1 });
  });

  it.each<[object, string]>([
    [{ id: '' }, 'with the option id = , but it must be a non-empty string'],
    [{ key: 7 }, 'key = 7'],
    [{ delayMs: -1 }, 'delayMs = -1, but it must be a number of milliseconds from 0'],
    [{ at: new Date(NaN) }, 'at = Invalid Date, but it must be a valid Date'],
    [{ at: new Date(), delayMs: 1 }, "with both 'at' and 'delayMs'. Give one of them."],
    [{ version: 0 }, 'version = 0, but it must be a whole number from 1'],
  ])('refuses %j', async (options, message) => {
    const bus = await startBus();
    for (const emit of ['emitSync', 'emitAsync', 'emit'] as const) {
      await expect(bus[emit]('x', 1, options)).rejects.toThrow(message);
    }
  });

  it('is not published once the signal of the emitter aborted', async () => {
    const bus = await startBus();
    const signal = AbortSignal.abort(new Error('gone'));
    await expect(bus.emitAsync('x', 1, { signal })).rejects.toThrow('gone');
    expect((await bus.stats()).published).toBe(0);
  });
});

describe('emitAsync', () => {
  it('resolves with id and backend, and rejects when the backend does not confirm', async () => {
    class Failing extends PlainBackend {
      override publish(event: Event) {
        return event.data === 'bad' ? Promise.reject(new Error('disk full')) : super.publish(event);
      }
    }
    const bus = await startBus(new Failing());
    expect(await bus.emitAsync('x', 'good')).toEqual({ id: expect.any(String), backend: 'plain' });
    await expect(bus.emitAsync('x', 'bad', { id: 'i' })).rejects.toMatchObject({
      code: 'EVENT_PUBLISH',
      message: "The backend 'plain' did not confirm event 'x' (i): disk full",
      cause: expect.objectContaining({ message: 'disk full' }),
    });
    expect(await bus.stats()).toMatchObject({ published: 1, publishing: 0 });
  });

  it('publishes once, whatever the number of handlers, and also with none', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    for (let i = 0; i < 5; i++) bus.on('x', () => undefined);
    await bus.emitAsync('x');
    await bus.emitAsync('nobody');
    expect(backend.published.map(({ type }) => type)).toEqual(['x', 'nobody']);
  });

  it('refuses a delay that the backend cannot keep', async () => {
    const bus = await startBus(new PlainBackend());
    await expect(bus.emitAsync('x', 1, { delayMs: 5 })).rejects.toThrow(
      "Event 'x' was emitted with a delay, but the backend 'plain' cannot delay events.",
    );
    await bus.emitAsync('x', 1, { at: new Date(0) }); // due long ago
  });
});

describe('emit', () => {
  it('runs plain handlers now and leaves the others to the backend', async () => {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, source: 'me' });
    const steps: string[] = [];
    bus.on('x', () => void steps.push('deferred'), { async: true, priority: 9 });
    bus.on('x', () => void steps.push('plain'));
    const emitted = bus.emit('x');
    expect(backend.published).toEqual([]);
    await emitted;
    await bus.idle({ timeoutMs: 1000 });
    expect(steps).toEqual(['plain', 'deferred']);
    expect(backend.published[0]!.inlinedBy).toBe('me');
  });

  it('publishes for other services although nobody defers here', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    let calls = 0;
    bus.on('x', () => void calls++);
    await bus.emit('x');
    await bus.emit('nobody');
    expect(backend.published).toHaveLength(2);
    await bus.idle({ timeoutMs: 1000 });
    expect(calls).toBe(1);
  });

  it('does not go through an in-process backend for nothing', async () => {
    const bus = await startBus();
    bus.on('x', () => undefined);
    await bus.emit('x');
    expect((await bus.stats()).published).toBe(0);
  });

  it('publishes nothing when a plain handler fails', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    const error = anError();
    bus.on('x', async () => {
      throw error;
    });
    bus.on('x', () => undefined, { async: true });
    await expect(bus.emit('x')).rejects.toBe(error);
    expect(backend.published).toEqual([]);
  });
});

describe('emitBatch', () => {
  const even = defineEvent('even', {
    schema: {
      '~standard': {
        version: 1,
        vendor: 'test',
        // The later the entry, the sooner the answer.
        validate: async (value: unknown) => {
          await delay(5 - (value as number));
          return (value as number) % 2 === 0 ? { value } : { issues: [{ message: 'is odd' }] };
        },
      },
    },
  });

  it('tells for each entry what became of it, and keeps the order', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    const results = await bus.emitBatch([0, 1, 2, 4].map((data) => ({ type: even, data })));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'EVENT_VALIDATION' } });
    expect(backend.published.map(({ data }) => data)).toEqual([0, 2, 4]);
  });

  it('is one round trip where the backend can', async () => {
    const batches: (readonly PublishEntry[])[] = [];
    class Batching extends PlainBackend {
      async publishBatch(entries: readonly PublishEntry[]): Promise<(Error | undefined)[]> {
        batches.push(entries);
        return entries.map(({ event }) => (event.data === 'bad' ? new Error('too big') : undefined));
      }
    }
    const bus = await startBus(new Batching());
    const results = await bus.emitBatch([
      { type: 'a', data: 'good' },
      { type: 'b', data: 'bad' },
    ]);
    expect(batches.map((batch) => batch.length)).toEqual([2]);
    expect(results[0]).toMatchObject({ status: 'fulfilled', value: { backend: 'plain' } });
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { code: 'EVENT_PUBLISH' } });
    expect(await bus.stats()).toMatchObject({ published: 1, publishing: 0 });
  });

  it.each([
    ['throws', () => Promise.reject(new Error('down'))],
    ['forgets results', () => Promise.resolve([])],
    ['returns nothing', () => Promise.resolve(undefined as never)],
  ])('takes nothing for stored when the backend %s', async (_, publishBatch) => {
    const bus = await startBus(Object.assign(new PlainBackend(), { publishBatch }));
    const results = await bus.emitBatch([{ type: 'a' }, { type: 'b' }]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await bus.stats()).publishing).toBe(0);
  });

  it('may be empty', async () => {
    const bus = await startBus(new PlainBackend());
    expect(await bus.emitBatch([])).toEqual([]);
  });
});

describe('batching', () => {
  function batchingBus(batching: { size: number; maxDelayMs: number }) {
    const sizes: number[] = [];
    class Batching extends PlainBackend {
      async publishBatch(entries: readonly PublishEntry[]): Promise<(Error | undefined)[]> {
        sizes.push(entries.length);
        return entries.map(({ event }) => (event.data === 'bad' ? new Error('no') : undefined));
      }
    }
    return { sizes, bus: startBus({ backend: new Batching(), batching }) };
  }

  it('sends as soon as there are enough', async () => {
    const { sizes, bus } = batchingBus({ size: 3, maxDelayMs: 60_000 });
    const main = await bus;
    await Promise.all([1, 2, 3, 4, 5, 6].map((n) => main.emitAsync('x', n)));
    expect(sizes).toEqual([3, 3]);
  });

  it('sends after the age of the first event, which later ones do not push back', async () => {
    const { sizes, bus } = batchingBus({ size: 1000, maxDelayMs: 40 });
    const main = await bus;
    const begin = performance.now();
    const first = main.emitAsync('x', 0).then(() => performance.now() - begin);
    const rest: Promise<unknown>[] = [];
    while (sizes.length === 0) {
      rest.push(main.emitAsync('x'));
      await delay(5);
    }
    expect(await first).toBeLessThan(400);
    await Promise.all(rest);
  });

  it('gives every event its own result', async () => {
    const { bus } = batchingBus({ size: 2, maxDelayMs: 10 });
    const main = await bus;
    const results = await Promise.allSettled([main.emitAsync('x', 'good'), main.emitAsync('x', 'bad')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('sends what waits when the bus closes', async () => {
    const { sizes, bus } = batchingBus({ size: 100, maxDelayMs: 60_000 });
    const main = await bus;
    const waiting = main.emitAsync('x');
    await main.close();
    await expect(waiting).resolves.toMatchObject({ backend: 'plain' });
    expect(sizes).toEqual([1]);
  });
});
