import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEventBus,
  type Event,
  type EventErrorNotice,
  EventTimeoutError,
  type HandlerContext,
  MemoryBackend,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

describe('idle', () => {
  it('resolves at once when nothing happens, and when all is handled otherwise', async () => {
    const bus = await startBus();
    await bus.idle();
    let handled = 0;
    bus.on('x', async () => {
      await delay(5);
      handled++;
    });
    await Promise.all(Array.from({ length: 20 }, () => bus.emitAsync('x')));
    await bus.idle({ timeoutMs: 2000 });
    expect(handled).toBe(20);
  });

  it('waits for retries, and for what handlers emit in turn', async () => {
    const bus = await startBus();
    const steps: string[] = [];
    bus.on(
      'first',
      async (_, { attempt }) => {
        if (attempt === 1) throw new Error('once');
        await bus.emitAsync('second');
      },
      { retry: { initialBackoffMs: 20 } },
    );
    bus.on('second', async () => {
      await delay(10);
      steps.push('second');
    });
    await bus.emitAsync('first');
    await bus.idle({ timeoutMs: 2000 });
    expect(steps).toEqual(['second']);
  });

  it('does not wait for what is delayed', async () => {
    const bus = await startBus();
    await bus.emitAsync('x', 1, { delayMs: 60_000 });
    await bus.idle({ timeoutMs: 1000 });
    expect((await bus.stats()).backend).toMatchObject({ delayed: 1 });
  });

  it.each([
    ['memory', () => new MemoryBackend()],
    ['plain', () => new PlainBackend()],
  ])('gives up in time (%s)', async (_, make) => {
    const bus = await startBus({ backend: make(), drainTimeoutMs: 0 });
    bus.on('x', (_event, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)));
    await bus.emitAsync('x');
    const begin = performance.now();
    const error: unknown = await bus.idle({ timeoutMs: 30 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EventTimeoutError);
    expect((error as Error).message).toBe('The event bus was not idle within 30 ms.');
    expect(performance.now() - begin).toBeLessThan(500);
  });
});

describe('timeoutMs', () => {
  it.each(['emitSync', 'emitAsync'] as const)('ends a try and aborts its signal (%s)', async (emit) => {
    const bus = await startBus();
    const reasons: unknown[] = [];
    const notices: EventErrorNotice[] = [];
    bus.errors.subscribe((notice) => void notices.push(notice));
    bus.on(
      'x',
      async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reasons.push(signal.reason);
        throw new Error('too late to matter');
      },
      { id: 'slow', timeoutMs: 20, retry: false },
    );
    const message = /^Handler 'slow' took longer than its timeoutMs of 20 for event 'x' \(i\)\.$/;
    const [settled] = await Promise.allSettled([bus[emit]('x', 1, { id: 'i' })]);
    await bus.idle({ timeoutMs: 1000 });
    const failure =
      emit === 'emitAsync' ? notices[0]!.error : settled.status === 'rejected' && settled.reason;
    expect(failure).toMatchObject({ code: 'EVENT_TIMEOUT', message: expect.stringMatching(message) });
    await waitFor(() => reasons.length === 1);
    expect(reasons[0]).toBe(failure);
  });

  it('counts every try anew and leaves fast handlers alone', async () => {
    const bus = await startBus();
    const contexts: HandlerContext[] = [];
    bus.on(
      'x',
      async (_, context) => {
        contexts.push(context);
        await delay(context.attempt === 1 ? 200 : 1);
      },
      { timeoutMs: 50, retry: { initialBackoffMs: 1 } },
    );
    await bus.emitAsync('x');
    await bus.idle({ timeoutMs: 2000 });
    expect(contexts.map(({ attempt, redelivered }) => [attempt, redelivered])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  it('may be longer than a timer can be', async () => {
    const bus = await startBus();
    bus.on('x', () => delay(5), { timeoutMs: 2 ** 40 });
    await expect(bus.emitSync('x')).resolves.toBeUndefined();
  });
});

describe('closing', () => {
  it('waits for what runs, and for events on their way to the backend', async () => {
    const steps: string[] = [];
    class Slow extends PlainBackend {
      override async publish(event: Event): Promise<void> {
        await delay(20);
        await super.publish(event);
        steps.push('published');
      }
      override close(): Promise<void> {
        steps.push('closed');
        return super.close();
      }
    }
    const bus = await startBus(new Slow());
    bus.on('x', async () => {
      await delay(20);
      steps.push('handled');
    });
    const emitted = bus.emitAsync('x');
    await Promise.all([bus.close(), bus.close(), bus.drain()]);
    await emitted;
    expect(steps).toEqual(['published', 'handled', 'closed']);
  });

  it('keeps emitting open until the end', async () => {
    const bus = await startBus();
    const seen: string[] = [];
    bus.on('x', ({ data }) => void seen.push(String(data)));
    await bus.drain();
    expect((await bus.health()).state).toBe('draining');
    await bus.emitAsync('x', 'published');
    await bus.emitSync('x', 'inline');
    await bus.close();
    expect(seen.toSorted()).toEqual(['inline', 'published']);
  });

  it('spends drainTimeoutMs once, however many waits there are', async () => {
    const bus = await startBus({ drainTimeoutMs: 300 });
    let started = false;
    bus.on('x', async (_, { signal }) => {
      started = true;
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    });
    await bus.emitAsync('x');
    await waitFor(() => started);
    const begin = performance.now();
    await bus.drain();
    await bus.drain();
    await bus.close();
    expect(performance.now() - begin).toBeLessThan(900);
  });

  it('does not wait for a start that hangs, beyond the deadline', async () => {
    class Hanging extends PlainBackend {
      override subscribe(): Promise<void> {
        return new Promise(() => undefined);
      }
    }
    const bus = createEventBus({ backend: new Hanging(), drainTimeoutMs: 20, abortGraceMs: 20 });
    void bus.start();
    const begin = performance.now();
    await bus.close();
    expect(performance.now() - begin).toBeLessThan(4000);
    expect((await bus.health()).state).toBe('closed');
  });
});

it('a backend that does not close is given up on, and said so', async () => {
  class Hanging extends PlainBackend {
    override close(): Promise<void> {
      return new Promise(() => undefined);
    }
  }
  const bus = createEventBus({ backend: new Hanging() });
  const notices: EventErrorNotice[] = [];
  bus.errors.subscribe((notice) => void notices.push(notice));
  const begin = performance.now();
  await bus.close();
  expect(performance.now() - begin).toBeLessThan(9000);
  expect(notices.map(({ error }) => error.message)).toEqual([
    "The backend 'plain' did not close within 5000 ms; the shutdown goes on without it.",
  ]);
});

describe('health', () => {
  it("is the backend's, with what the bus knows", async () => {
    const backend = Object.assign(new PlainBackend(), {
      health: async () => ({ status: 'degraded' as const, details: { lag: 7 } }),
    });
    const bus = createEventBus(backend);
    expect(await bus.health()).toEqual({
      status: 'degraded',
      details: { lag: 7 },
      backend: 'plain',
      state: 'ready',
    });
    await bus.start();
    expect((await bus.health()).state).toBe('started');
    await bus.close();
    expect(await bus.health()).toMatchObject({ status: 'down', state: 'closed' });
  });

  it('is up for a backend that does not say, and down for one that fails to', async () => {
    const bus = await startBus(new PlainBackend());
    expect((await bus.health()).status).toBe('up');
    const failing = Object.assign(new PlainBackend(), { health: () => Promise.reject(new Error('timeout')) });
    const other = await startBus(failing);
    expect(await other.health()).toMatchObject({ status: 'down', details: { error: 'timeout' } });
  });
});

it('stats count what happened', async () => {
  const bus = await startBus();
  bus.on('x', () => undefined);
  bus.on(
    'x',
    () => {
      throw new Error('broken');
    },
    { retry: { maxRetries: 1, initialBackoffMs: 1 } },
  );
  await bus.emitAsync('x');
  await bus.emitSync('nobody');
  await bus.idle({ timeoutMs: 1000 });
  expect(await bus.stats()).toMatchObject({
    published: 1,
    publishing: 0,
    handled: 1,
    retried: 1,
    deadLettered: 1,
    running: 0,
    handlers: 2,
    backend: { queued: 0, running: 0 },
  });
});
