import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Event, type EventBus, MemoryBackend } from 'nestjs-durable-events';
import { maySuspend } from '../../lib/dispatch/correlation.js';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

/** How an event came about, as far as it knows. */
const origin = ({ correlationId, causationId, metadata }: Event) => ({
  correlationId,
  causationId,
  metadata,
});
const FROM_ROOT = { correlationId: 'flow', causationId: 'root', metadata: { userId: 'ada' } };
const ROOT = { id: 'root', correlationId: 'flow', metadata: { userId: 'ada' } };

/** Ways in which a handler may emit. Each is a function of its own, written as users write them. */
const ways: Record<string, (bus: EventBus, emit: () => unknown) => (event: Event) => unknown> = {
  'at once': (_, emit) =>
    function handle() {
      emit();
    },
  'at once, returning the promise': (_, emit) => () => emit(),
  'after an await': (_, emit) => async () => {
    await delay(1);
    await emit();
  },
  'from a timer': (_, emit) =>
    function handle() {
      setTimeout(emit, 1);
    },
  'from setImmediate': (_, emit) =>
    function handle() {
      setImmediate(emit);
    },
  'from a microtask': (_, emit) =>
    function handle() {
      queueMicrotask(() => emit());
    },
  'from a promise that nobody waits for': (_, emit) =>
    function handle() {
      void delay(1).then(emit);
    },
  'from an async function that nobody waits for': (_, emit) => {
    const work = async () => {
      await delay(1);
      emit();
    };
    return function handle() {
      void work();
    };
  },
};

describe.each(Object.entries(ways))('what a handler emits %s', (_, way) => {
  it.each(['emitSync', 'emitAsync'] as const)('is caused by its event (%s)', async (mode) => {
    const bus = await startBus();
    const seen: Event[] = [];
    bus.on('second', (event) => void seen.push(event));
    bus.on(
      'first',
      way(bus, () => bus.emitSync('second')),
    );
    await bus[mode]('first', undefined, ROOT);
    await waitFor(() => seen.length === 1);
    expect(origin(seen[0]!)).toEqual(FROM_ROOT);
  });

  it('is caused by its event and not by the one that caused that', async () => {
    const bus = await startBus();
    const seen: Event[] = [];
    bus.on('third', (event) => void seen.push(event));
    bus.on(
      'second',
      way(bus, () => bus.emitSync('third')),
    );
    bus.on('first', async () => {
      await bus.emitSync('second', undefined, { id: 'middle' });
    });
    await bus.emitSync('first', undefined, ROOT);
    await waitFor(() => seen.length === 1);
    expect(origin(seen[0]!)).toEqual({ ...FROM_ROOT, causationId: 'middle' });
  });
});

describe('causes', () => {
  it('reach through emitSync, emitAsync and back, over brokers and buses', async () => {
    const main = await startBus();
    const other = await startBus({ backend: new PlainBackend(), source: 'other' });
    const seen: Event[] = [];
    const note = (event: Event) => void seen.push(event);
    main.on('one', async () => {
      await main.emitAsync('two');
    });
    main.on('two', async (event) => {
      note(event);
      await other.emitAsync('three');
    });
    other.on('three', async (event) => {
      note(event);
      await delay(1);
      await main.emit('four');
    });
    main.on('four', note);
    await main.emitSync('one', undefined, ROOT);
    await waitFor(() => seen.length === 3);
    const [two, three, four] = seen;
    expect(origin(two!)).toEqual(FROM_ROOT);
    expect(origin(three!)).toEqual({ ...FROM_ROOT, causationId: two!.id });
    expect(origin(four!)).toEqual({ ...FROM_ROOT, causationId: three!.id });
  });

  it('are what the emitter says when it says so', async () => {
    const bus = await startBus();
    const seen: Event[] = [];
    const own = { correlationId: 'own flow', causationId: 'own cause', metadata: { tenantId: 't' } };
    bus.on('second', (event) => void seen.push(event));
    bus.on('first', () => bus.emitSync('second', undefined, own));
    await bus.emitSync('first', undefined, ROOT);
    expect(origin(seen[0]!)).toEqual(own);
  });

  it('end with the handler: what the caller emits next has none', async () => {
    const bus = await startBus();
    const seen: Event[] = [];
    bus.on('first', () => undefined);
    bus.on('failing', () => {
      throw new Error('x');
    });
    bus.on('second', (event) => void seen.push(event));
    await bus.emitSync('first');
    await expect(bus.emitSync('failing')).rejects.toThrow('x');
    await bus.emitSync('second');
    expect(seen[0]!.causationId).toBeUndefined();
    expect(seen[0]!.correlationId).toBe(seen[0]!.id);
  });

  it('of handlers that overlap do not mix', async () => {
    const bus = await startBus();
    const seen: Event<number>[] = [];
    bus.on('second', (event) => void seen.push(event as Event<number>));
    bus.on('first', async (event) => {
      const n = event.data as number;
      await delay(5 - n);
      await bus.emitSync('second', n);
    });
    await Promise.all([1, 2, 3, 4].map((n) => bus.emitAsync('first', n, { id: `first ${n}` })));
    await bus.idle({ timeoutMs: 1000 });
    expect(seen).toHaveLength(4);
    for (const { causationId, data } of seen) expect(causationId).toBe(`first ${data}`);
  });

  it('are not followed where correlation is off', async () => {
    const bus = await startBus({ correlation: false });
    const seen: Event[] = [];
    bus.on('second', (event) => void seen.push(event));
    bus.on('first', async () => bus.emitSync('second'));
    await bus.emitSync('first', undefined, ROOT);
    await bus.emitAsync('first', undefined, ROOT);
    await bus.idle({ timeoutMs: 1000 });
    expect(seen.map(({ causationId }) => causationId)).toEqual([undefined, undefined]);
  });
});

it("an emitter's AsyncLocalStorage does not reach handlers of the memory pool, nor leak between them", async () => {
  const request = new AsyncLocalStorage<number>();
  const bus = await startBus({ backend: new MemoryBackend({ workers: 2 }) });
  const inPool: unknown[] = [];
  const inline: unknown[] = [];
  bus.on('published', async () => {
    inPool.push(request.getStore());
    request.enterWith(99);
    await delay(1);
  });
  bus.on('inline', () => void inline.push(request.getStore()));
  for (let n = 0; n < 30; n++) {
    await request.run(n, async () => {
      await bus.emitAsync('published', n);
      await bus.emitSync('inline');
    });
  }
  await bus.idle({ timeoutMs: 1000 });
  expect(new Set(inPool)).toEqual(new Set([undefined]));
  expect(inline).toEqual(Array.from({ length: 30 }, (_, n) => n));
});

describe('a method may suspend', () => {
  const tag = String.raw;
  it.each<[boolean, string, (...args: never[]) => unknown]>([
    [false, 'does nothing', function () {}],
    [
      false,
      'only computes',
      function (this: { sum: number }, { data }: Event<{ n: number }>) {
        if (data.n > 0) this.sum += data.n;
      },
    ],
    [
      false,
      'returns nothing',
      (event: { key?: string; data: unknown; version: number }) => {
        if (event.key === undefined) return;
        event.data = event.version;
      },
    ],
    [
      true,
      'tags a template',
      function (this: { text: string }) {
        this.text = tag`x`;
      },
    ],
    [true, 'calls among its parameters', function (_event: Event, _at = Date.now()) {}],
    [true, 'is async', async function () {}],
    [
      true,
      'returns something',
      function () {
        return delay(0);
      },
    ],
    [true, 'is an expression', () => delay(0)],
    [
      true,
      'starts a timer',
      function () {
        setTimeout(() => undefined, 0);
      },
    ],
    [
      true,
      'calls what may start something',
      function (this: { start(): void }) {
        this.start();
      },
    ],
    [true, 'is native', delay.bind(undefined)],
  ])('%s when it %s', (expected, _, method) => {
    expect(maySuspend(method)).toBe(expected);
  });
});
