import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  type BackendHost,
  createEvent,
  createEventBus,
  type DispatchOutcome,
  type Event,
  type EventBus,
  EventBusClosedError,
  HANDLED,
  HANDLED_NOW,
  MemoryBackend,
  MemoryDeadLetterStore,
  type MemoryBackendOptions,
  QueueFullError,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { recordingHost } from './memory-host.js';

Logger.overrideLogger(false); // the failures below are meant

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  jest.useRealTimers();
  for (const close of closers.splice(0)) await close();
});

/** A backend whose handlers never end by themselves. */
async function stuck(options: MemoryBackendOptions, host: BackendHost = recordingHost()) {
  const backend = new MemoryBackend(options);
  backend.attach(host);
  closers.push(() => backend.close());
  const running: { event: Event; end: () => void }[] = [];
  await backend.subscribe(
    (event) =>
      new Promise<DispatchOutcome>((resolve) =>
        running.push({ event: event as Event, end: () => resolve(HANDLED) }),
      ),
  );
  return { backend, running };
}

const never = new AbortController().signal;
const event = (data: unknown = null) => createEvent('order.placed', data);

describe('the bound of the queue', () => {
  it('takes a burst of what the workers take at once and the queue holds, and no more', async () => {
    const { backend } = await stuck({ workers: 2, queueSize: 3, overflow: 'reject' });
    for (let i = 0; i < 5; i++) await backend.publish(event());
    await expect(backend.publish(event())).rejects.toThrow(QueueFullError);
    await waitFor(async () => (await backend.stats()).running === 2);
    expect(await backend.stats()).toMatchObject({ queued: 3 });
    await expect(backend.publish(event())).rejects.toThrow(QueueFullError);
  });

  it('holds before subscribe, when nobody works', async () => {
    const backend = new MemoryBackend({ workers: 2, queueSize: 3, overflow: 'reject' });
    for (let i = 0; i < 3; i++) await backend.publish(event());
    await expect(backend.publish(event())).rejects.toThrow(QueueFullError);
    expect((await backend.health()).status).toBe('degraded');
    await backend.subscribe(() => Promise.resolve(HANDLED));
    await backend.idle(never);
    expect((await backend.health()).status).toBe('up');
  });

  it('counts events that wait for their key', async () => {
    const { backend } = await stuck({ workers: 2, queueSize: 2, overflow: 'reject' });
    for (let i = 0; i < 3; i++) await backend.publish(createEvent('x', i, { key: 'same' }));
    await waitFor(async () => (await backend.stats()).running === 1);
    await expect(backend.publish(createEvent('x', 3, { key: 'same' }))).rejects.toThrow(QueueFullError);
  });

  it('counts delayed events apart', async () => {
    const backend = new MemoryBackend({ workers: 1, queueSize: 2, overflow: 'reject' });
    closers.push(() => backend.close());
    backend.attach(recordingHost());
    for (let i = 0; i < 2; i++) await backend.publish(event(), { delayMs: 60_000 });
    await expect(backend.publish(event(), { delayMs: 60_000 })).rejects.toThrow(
      /delayed events .* queueSize = 2/,
    );
    await backend.publish(event());
    expect(await backend.stats()).toMatchObject({ queued: 1, delayed: 2 });
  });
});

describe("overflow: 'dead-letter'", () => {
  let bus: EventBus;

  async function fullBus(deadLetters?: MemoryDeadLetterStore) {
    const backend = new MemoryBackend({ workers: 1, queueSize: 1 });
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    bus = createEventBus({ backend, deadLetters });
    closers.push(() => (release(), bus.close()));
    const handled: unknown[] = [];
    bus.on('order.placed', async ({ data }) => {
      await released;
      handled.push(data);
    });
    await bus.start();
    await bus.emitAsync('order.placed', 'running');
    await bus.emitAsync('order.placed', 'queued');
    return { handled, release };
  }

  it('keeps the event for all handlers, tells the emitter, and gives it back on retry', async () => {
    const { handled, release } = await fullBus();
    const refused = bus.emitAsync('order.placed', 'one too many');
    await expect(refused).rejects.toThrow(QueueFullError);
    await expect(refused).rejects.toThrow(
      /order\.placed.*queueSize = 1.*in the dead letters.*Raise 'queueSize'/,
    );

    const { entries } = await bus.deadLetters.list();
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ handlerId: '*', status: 'dead', event: { data: 'one too many' } });
    expect(entries[0]!.attempts).toMatchObject([
      { error: { name: 'QueueFullError', code: 'EVENT_QUEUE_FULL' } },
    ]);

    release();
    await bus.deadLetters.retry(entries[0]!.id);
    await bus.idle({ timeoutMs: 2000 });
    expect(handled).toEqual(['running', 'queued', 'one too many']);
    expect(await bus.deadLetters.size()).toBe(0);
  });

  it("uses the module's store where there is one", async () => {
    const store = new MemoryDeadLetterStore();
    await fullBus(store);
    await expect(bus.emitAsync('order.placed', 'one too many')).rejects.toThrow(QueueFullError);
    expect(await store.size()).toBe(1);
  });

  it('says so when the dead letter could not be written', async () => {
    const store = new MemoryDeadLetterStore();
    store.add = () => Promise.reject(new Error('disk full'));
    await fullBus(store);
    const refused = bus.emitAsync('order.placed', 'one too many');
    await expect(refused).rejects.toThrow(/could not be kept in the dead letters either/);
    await expect(refused).rejects.toMatchObject({ name: 'QueueFullError', cause: { message: 'disk full' } });
  });

  it('uses its own store while it belongs to no bus', async () => {
    const backend = new MemoryBackend({ queueSize: 1 });
    await backend.publish(event('first'));
    await expect(backend.publish(event('second'))).rejects.toThrow(QueueFullError);
    const { entries } = await backend.deadLetters.list();
    expect(entries.map(({ event: { data } }) => data)).toEqual(['second']);
    await backend.subscribe(() => HANDLED_NOW);
    await backend.idle(never);
  });
});

it("overflow: 'reject' leaves the event to the emitter", async () => {
  const { backend } = await stuck({ workers: 1, queueSize: 1, overflow: 'reject' });
  for (let i = 0; i < 2; i++) await backend.publish(event());
  await expect(backend.publish(event())).rejects.toThrow(/was not accepted/);
  expect(await backend.deadLetters.size()).toBe(0);
});

describe("overflow: 'wait'", () => {
  it('lets emitters in one by one, in the order they came', async () => {
    const { backend, running } = await stuck({ workers: 1, queueSize: 1, overflow: 'wait' });
    const accepted: number[] = [];
    for (let i = 0; i < 5; i++) void backend.publish(event(i)).then(() => accepted.push(i));
    await waitFor(() => running.length === 1);
    expect(accepted).toEqual([0, 1]);
    for (const next of [2, 3, 4]) {
      running.shift()!.end();
      await waitFor(() => accepted.includes(next));
      expect(accepted).toHaveLength(next + 1);
    }
    for (const last of [3, 4]) {
      await waitFor(() => running[0]?.event.data === last);
      running.shift()!.end();
    }
    await backend.idle(never);
  });

  it('counts a waiting emitter as work to wait for', async () => {
    const { backend, running } = await stuck({ workers: 1, queueSize: 1, overflow: 'wait' });
    const all = Promise.all([0, 1, 2].map((i) => backend.publish(event(i))));
    let idle = false;
    const wait = backend.idle(never).then(() => (idle = true));
    for (const i of [0, 1, 2]) {
      await waitFor(() => running[0]?.event.data === i);
      expect(idle).toBe(false);
      running.shift()!.end();
    }
    await Promise.all([all, wait]);
  });

  it('waits for a place among the delayed events, too, and the time spent waiting counts', async () => {
    jest.useFakeTimers();
    const backend = new MemoryBackend({ queueSize: 1, overflow: 'wait' });
    closers.push(() => backend.close());
    const handled: unknown[] = [];
    await backend.subscribe(({ data }) => (handled.push(data), HANDLED_NOW));
    await backend.publish(event('first'), { delayMs: 30 });
    const second = backend.publish(event('second'), { delayMs: 35 });
    jest.advanceTimersByTime(30);
    await second;
    jest.advanceTimersByTime(4);
    await backend.idle(never);
    expect(handled).toEqual(['first']);
    jest.advanceTimersByTime(1);
    await backend.idle(never);
    expect(handled).toEqual(['first', 'second']);
  });

  it('is told when the backend closes instead', async () => {
    const { backend, running } = await stuck({ workers: 1, queueSize: 1, overflow: 'wait' });
    await backend.publish(event());
    await waitFor(() => running.length === 1);
    await backend.publish(event('queued'));
    const waiting = backend.publish(event('waiting'));
    await Promise.all([expect(waiting).rejects.toThrow(EventBusClosedError), backend.close()]);
    running[0]!.end();
  });
});

it('a retried dead letter waits for room whatever the overflow', async () => {
  const { backend, running } = await stuck({ workers: 1, queueSize: 1, overflow: 'reject' });
  for (let i = 0; i < 2; i++) await backend.publish(event(i));
  let accepted = false;
  const redelivered = backend.redeliver(event('again'), { handlerId: 'h', redelivered: true });
  void redelivered.then(() => (accepted = true));
  await waitFor(() => running.length === 1);
  expect(accepted).toBe(false);
  for (const data of [0, 1, 'again']) {
    await waitFor(() => running[0]?.event.data === data);
    running.shift()!.end();
  }
  await redelivered;
});

it("overflow: 'wait' does not let handlers that emit wait for each other", async () => {
  const backend = new MemoryBackend({ workers: 2, queueSize: 1, overflow: 'wait' });
  const waiting = createEventBus(backend);
  closers.push(() => waiting.close());
  let leaves = 0;
  waiting.on('branch', async () => {
    for (let i = 0; i < 3; i++) await waiting.emitAsync('leaf', i);
  });
  waiting.on('leaf', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    leaves++;
  });
  await waiting.start();
  await Promise.all(Array.from({ length: 10 }, () => waiting.emitAsync('branch', 0)));
  await waiting.idle({ timeoutMs: 5000 });
  expect(leaves).toBe(30);
});
