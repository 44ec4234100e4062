import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  createEventBus,
  type Event,
  type EventBus,
  EventConfigurationError,
  EventTimeoutError,
  MemoryBackend,
} from 'nestjs-durable-events';
import { RecordingBackend, settled } from 'nestjs-durable-events/testing';
import { ArrayBackend } from '../conformance/array-backend.js';
import { PlainBackend } from './plain-backend.js';

Logger.overrideLogger(false); // the failures below are meant

const retry = { maxRetries: 2, initialBackoffMs: 10 };

describe.each([
  ['a backend that redelivers', () => new MemoryBackend()],
  ['a backend that leaves retries to the bus', () => new ArrayBackend()],
])('settled() on %s', (_, makeBackend) => {
  let bus: EventBus;
  beforeEach(async () => {
    bus = createEventBus({ backend: makeBackend(), retry, drainTimeoutMs: 50 });
    await bus.start();
  });
  afterEach(() => bus.close());

  it('waits for the whole tree of events', async () => {
    const done: string[] = [];
    const tick = () => new Promise((resolve) => setImmediate(resolve));
    bus.on('order.placed', async ({ data }) => {
      await tick();
      await Promise.all([bus.emitAsync('order.paid', data), bus.emitAsync('stock.reserved', data)]);
      done.push('placed');
    });
    bus.on('order.paid', async ({ data }) => {
      await tick();
      await bus.emitAsync('order.shipped', data);
      done.push('paid');
    });
    bus.on('order.shipped', async () => {
      await tick();
      done.push('shipped');
    });
    const receipt = await settled(bus, () => bus.emitAsync('order.placed', 1));
    expect(receipt.id).toEqual(expect.any(String));
    expect(done.toSorted()).toEqual(['paid', 'placed', 'shipped']);
  });

  it('follows events that inline handlers emit', async () => {
    const done: string[] = [];
    bus.on('before:signup', async () => {
      await bus.emitAsync('audit.written', 1);
    });
    bus.on('audit.written', () => void done.push('audit'));
    await settled(bus, () => bus.emitSync('before:signup', 1));
    expect(done).toEqual(['audit']);
  });

  it('waits for retries of several handlers', async () => {
    const calls: string[] = [];
    for (const [id, backoff] of [['quick', 1] as const, ['slow', 40] as const]) {
      const handler = (_: unknown, { attempt }: { attempt: number }) => {
        calls.push(`${id} ${attempt}`);
        if (attempt < 3) throw new Error('not yet');
      };
      bus.on('flaky', handler, { id, retry: { maxRetries: 2, initialBackoffMs: backoff } });
    }
    await settled(bus, () => bus.emitAsync('flaky', 1));
    expect(calls.toSorted()).toEqual(['quick 1', 'quick 2', 'quick 3', 'slow 1', 'slow 2', 'slow 3']);
  });

  it('does not wait for events of others', async () => {
    let release!: () => void;
    const blocked = new Promise<void>((resolve) => (release = resolve));
    const done: string[] = [];
    bus.on('unrelated', async () => {
      await blocked;
      done.push('unrelated');
    });
    bus.on('mine', () => void done.push('mine'));
    await bus.emitAsync('unrelated', 1);
    await settled(bus, () => bus.emitAsync('mine', 1));
    expect(done).toEqual(['mine']);
    release();
  });

  it('rejects with the error of a handler that gave up, when all the rest is done', async () => {
    const boom = new Error('boom');
    let other = false;
    bus.on('x', () => Promise.reject(boom), { id: 'broken', priority: 1 });
    bus.on('x', async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      other = true;
    });
    await expect(settled(bus, () => bus.emitAsync('x', 1))).rejects.toBe(boom);
    expect(other).toBe(true);
    expect(await bus.deadLetters.size()).toBe(1);
  });

  it('rejects with all errors when several handlers gave up', async () => {
    for (const id of ['a', 'b'])
      bus.on('x', () => Promise.reject(new Error(`no ${id}`)), { id, retry: false });
    const outcome = settled(bus, () => bus.emitAsync('x', 1));
    await expect(outcome).rejects.toBeInstanceOf(AggregateError);
    await expect(outcome).rejects.toThrow('2 events became dead letters: no a; no b');
  });

  it('rejects with what the function throws', async () => {
    const error = new Error('not emitted');
    await expect(settled(bus, () => Promise.reject(error))).rejects.toBe(error);
    await expect(
      settled(bus, () => {
        throw error;
      }),
    ).rejects.toBe(error);
  });

  it('gives up after its time, and tells what is open', async () => {
    let release!: () => void;
    const blocked = new Promise<void>((resolve) => (release = resolve));
    bus.on('stuck', () => blocked);
    bus.on('sick', () => Promise.reject(new Error('come back later')), {
      id: 'sick',
      retry: { maxRetries: 1, initialBackoffMs: 20_000 },
    });
    const both = () => Promise.all([bus.emitAsync('stuck', 1), bus.emitAsync('sick', 1)]);
    const outcome = settled(bus, both, { timeoutMs: 50 });
    await expect(outcome).rejects.toBeInstanceOf(EventTimeoutError);
    await expect(outcome).rejects.toThrow(
      /Not settled within 50 ms\. Still open: 'stuck' \(.+\) waits for its handlers; 'sick' \(.+\) waits for try 2 of handler 'sick', 20000 ms after: come back later/,
    );
    release();
  });

  it('gives up on a function that does not return', async () => {
    const never = () => new Promise(() => undefined);
    await expect(settled(bus, never, { timeoutMs: 20 })).rejects.toThrow('The function has not returned.');
  });
});

describe('settled() and time', () => {
  let bus: EventBus;
  let handled: unknown[];
  beforeEach(async () => {
    handled = [];
    bus = createEventBus();
    bus.on('later', ({ data }) => void handled.push(data));
    await bus.start();
  });
  afterEach(async () => {
    jest.useRealTimers();
    await bus.close();
  });

  it('waits for delayed events', async () => {
    await settled(bus, () => bus.emitAsync('later', 1, { delayMs: 20 }));
    expect(handled).toEqual([1]);
  });

  it('leaves the fake timers of a test to the test', async () => {
    jest.useFakeTimers();
    await settled(bus, async () => {
      await bus.emitAsync('later', 1, { delayMs: 3_600_000 });
      jest.advanceTimersByTime(3_600_000);
    });
    expect(handled).toEqual([1]);
  });
});

it('says that the bus is not started', async () => {
  const bus = createEventBus();
  bus.on('x', () => undefined);
  await expect(settled(bus, () => bus.emitAsync('x', 1), { timeoutMs: 20 })).rejects.toThrow(
    /call bus\.start\(\)/,
  );
  await bus.close();
});

it('waits for nothing where nothing is delivered', async () => {
  const bus = createEventBus(new RecordingBackend());
  await bus.start();
  const receipt = await settled(bus, () => bus.emitAsync('x', 1));
  expect(receipt.backend).toBe('recording');
  await bus.close();
});

it('refuses a bus without correlation', async () => {
  const bus = createEventBus({ correlation: false });
  await expect(settled(bus, () => undefined)).rejects.toThrow(EventConfigurationError);
  await bus.close();
});

it('does not wait for an event that the backend had already', async () => {
  class Deduplicating extends PlainBackend {
    override async publish(event: Event) {
      if (event.id === 'known') return { duplicate: true };
      return super.publish(event);
    }
  }
  const bus = createEventBus(new Deduplicating());
  const handled: string[] = [];
  bus.on('x', ({ id }) => void handled.push(id));
  await bus.start();
  await settled(bus, async () => {
    await bus.emitAsync('x', 1, { id: 'known' });
    await bus.emitAsync('x', 1, { id: 'new' });
  });
  expect(handled).toEqual(['new']);
  await bus.close();
});
