import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEventBus,
  EventBusClosedError,
  type EventBus,
  type HandlerContext,
  MemoryBackend,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';

afterEach(closeBuses);

/** Resolves as soon as the handler's signal aborts, or never. */
function untilAborted({ signal }: HandlerContext): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}

async function untilRunning(bus: EventBus, count: number): Promise<void> {
  await waitFor(async () => (await bus.stats()).running === count);
}

describe('the report of a shutdown', () => {
  it('tells apart what was drained, aborted, released and abandoned', async () => {
    const bus = await startBus({ drainTimeoutMs: 100, abortGraceMs: 50 });
    let finish!: () => void;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    bus.on('quick', () => finished);
    bus.on('obedient', (_, context) => untilAborted(context));
    bus.on('deaf', () => new Promise(() => undefined));
    await bus.emitAsync('quick');
    await bus.emitAsync('quick');
    await bus.emitAsync('obedient');
    await bus.emitAsync('deaf');
    await untilRunning(bus, 4);
    const closing = bus.close();
    finish();
    const report = await closing;
    expect(report).toEqual({
      drained: 2,
      aborted: 2,
      released: 1,
      abandoned: 1,
      durationMs: expect.any(Number),
    });
    expect(report.durationMs).toBeGreaterThanOrEqual(100);
    expect(await bus.close()).toBe(report);
  });

  it('adds up the drains before it', async () => {
    const bus = await startBus();
    bus.on('x', () => new Promise((resolve) => setTimeout(resolve, 20)));
    await bus.emitAsync('x');
    expect(await bus.drain()).toMatchObject({ drained: 1, aborted: 0 });
    await bus.emitAsync('x');
    expect(await bus.close()).toMatchObject({ drained: 2, aborted: 0, released: 0, abandoned: 0 });
  });

  it('is empty when nothing ran, and when the bus never started', async () => {
    const empty = { drained: 0, aborted: 0, released: 0, abandoned: 0 };
    expect(await createEventBus().close()).toMatchObject(empty);
    expect(await (await startBus()).close()).toMatchObject(empty);
  });
});

it('a handler that is interrupted has abortGraceMs to come to an end', async () => {
  const bus = await startBus({ drainTimeoutMs: 10, abortGraceMs: 10_000 });
  let saved = false;
  bus.on('x', async (_, context) => {
    await untilAborted(context).catch(() => new Promise((resolve) => setTimeout(resolve, 200)));
    saved = true;
  });
  await bus.emitAsync('x');
  await untilRunning(bus, 1);
  expect(await bus.close()).toMatchObject({ drained: 0, aborted: 1, abandoned: 0 });
  expect(saved).toBe(true);
});

describe('while a bus closes', () => {
  it('refuses what is emitted, but for what running handlers emit, which is handled', async () => {
    const bus = await startBus();
    const followed: unknown[] = [];
    let goOn!: () => void;
    const may = new Promise<void>((resolve) => (goOn = resolve));
    bus.on('first', async () => {
      await may;
      await bus.emitAsync('second', 'followed');
    });
    bus.on('second', ({ data }) => void followed.push(data));
    await bus.emitAsync('first');
    await untilRunning(bus, 1);
    const closing = bus.close();
    expect((await bus.health()).state).toBe('closing');
    await expect(bus.emitAsync('second', 'refused')).rejects.toThrow(EventBusClosedError);
    await expect(bus.emitSync('second', 'refused')).rejects.toThrow('the application shuts down');
    goOn();
    await closing;
    expect(followed).toEqual(['followed']);
  });

  it('accepts from running handlers also where nobody can tell who emits', async () => {
    const bus = await startBus({ correlation: false });
    const followed: unknown[] = [];
    bus.on('first', async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      await bus.emitAsync('second', 'followed');
    });
    bus.on('second', ({ data }) => void followed.push(data));
    await bus.emitAsync('first');
    await untilRunning(bus, 1);
    await bus.close();
    expect(followed).toEqual(['followed']);
  });
});

it('memory: traffic that never pauses does not use up the time, and nothing accepted is lost', async () => {
  const bus = await startBus({
    backend: new MemoryBackend({ queueSize: 1_000_000 }),
    drainTimeoutMs: 20_000,
  });
  const problems: string[] = [];
  bus.errors.subscribe(({ error }) => problems.push(error.message));
  let handled = 0;
  bus.on('x', async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    handled++;
  });
  let accepted = 0;
  let stopped = false;
  const traffic = (async () => {
    while (!stopped) {
      const results = await Promise.allSettled(Array.from({ length: 10 }, () => bus.emitAsync('x')));
      accepted += results.filter(({ status }) => status === 'fulfilled').length;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  await waitFor(() => handled > 50);
  const begin = performance.now();
  await bus.drain();
  expect(performance.now() - begin).toBeLessThan(10_000);
  const report = await bus.close();
  stopped = true;
  await traffic;
  expect(report).toMatchObject({ aborted: 0, released: 0, abandoned: 0 });
  expect({ handled, problems }).toEqual({ handled: accepted, problems: [] });
}, 40_000);
