import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  createEventBus,
  type EventBus,
  type HandlerContext,
  MemoryBackend,
  type MemoryBackendOptions,
  type RetryPolicy,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';

Logger.overrideLogger(false); // the failures below are meant

let bus: EventBus;
let backend: MemoryBackend;
afterEach(() => bus.close());

function start(retry: RetryPolicy, options?: MemoryBackendOptions): Promise<void> {
  backend = new MemoryBackend(options);
  bus = createEventBus({ backend, retry, drainTimeoutMs: 100 });
  return bus.start();
}

const soon: RetryPolicy = { maxRetries: 2, initialBackoffMs: 5 };

describe('a handler that fails', () => {
  it('is tried again alone, and told which try it is', async () => {
    await start(soon);
    const calls: string[] = [];
    const record = ({ handlerId, attempt, redelivered }: HandlerContext) =>
      calls.push(`${handlerId} ${attempt} ${redelivered}`);
    bus.on('x', (_, context) => record(context), { id: 'before' });
    bus.on(
      'x',
      (_, context) => {
        record(context);
        if (context.attempt < 3) throw new Error('not yet');
      },
      { id: 'flaky' },
    );
    bus.on('x', async (_, context) => record(context), { id: 'after' });
    await bus.emitAsync('x', 1);
    await bus.idle({ timeoutMs: 2000 });
    expect(calls).toEqual([
      'before 1 false',
      'flaky 1 false',
      'after 1 false',
      'flaky 2 true',
      'flaky 3 true',
    ]);
    expect(await bus.deadLetters.size()).toBe(0);
  });

  it('ends in the dead letters with every try', async () => {
    await start(soon);
    bus.on('x', () => Promise.reject(new Error('never')), { id: 'broken' });
    const { id } = await bus.emitAsync('x', { n: 1 }, { key: 'k' });
    await bus.idle({ timeoutMs: 2000 });
    const entry = await bus.deadLetters.get(`${id}:broken`);
    expect(entry).toMatchObject({ status: 'dead', handlerId: 'broken', event: { id, data: { n: 1 } } });
    expect(entry!.attempts.map(({ error }) => error.message)).toEqual(['never', 'never', 'never']);
  });

  it('does not hold the only worker while it waits', async () => {
    await start({ maxRetries: 1, initialBackoffMs: 60_000 }, { workers: 1 });
    let healthy = 0;
    bus.on('sick', () => Promise.reject(new Error('later')));
    bus.on('healthy', () => void healthy++);
    await bus.emitAsync('sick', 0);
    for (let i = 0; i < 100; i++) await bus.emitAsync('healthy', i);
    await waitFor(() => healthy === 100);
    expect(await backend.stats()).toEqual({ queued: 0, running: 0, retrying: 1, delayed: 0 });
  });

  it('finds a place in a queue that is full', async () => {
    await start({ maxRetries: 1, initialBackoffMs: 200 }, { workers: 1, queueSize: 1, overflow: 'reject' });
    const order: string[] = [];
    let block = Promise.resolve();
    bus.on('x', async ({ data }, { attempt }) => {
      order.push(`${data} ${attempt}`);
      if (data === 'flaky' && attempt === 1) throw new Error('once');
      if (data === 'slow') await block;
    });
    const failed = new Promise((resolve) => bus.errors.subscribe(resolve));
    await bus.emitAsync('x', 'flaky');
    await failed;
    let unblock!: () => void;
    block = new Promise((resolve) => (unblock = resolve));
    await bus.emitAsync('x', 'slow');
    await waitFor(() => order.includes('slow 1'));
    await bus.emitAsync('x', 'queued');
    await waitFor(async () => (await backend.stats()).queued === 2);
    unblock();
    await bus.idle({ timeoutMs: 2000 });
    expect(order).toEqual(['flaky 1', 'slow 1', 'queued 1', 'flaky 2']);
  });
});

describe('the order of a key', () => {
  it('survives retries: what follows waits until the event is settled, other keys do not', async () => {
    await start({ maxRetries: 2, initialBackoffMs: 20 });
    const order: string[] = [];
    bus.on('x', async (event, { attempt }) => {
      order.push(`${event.key}${event.data} ${attempt}`);
      if (event.key === 'a' && event.data === 1 && attempt < 3) throw new Error('again');
    });
    for (const data of [1, 2, 3]) await bus.emitAsync('x', data, { key: 'a' });
    for (const data of [1, 2]) await bus.emitAsync('x', data, { key: 'b' });
    await bus.idle({ timeoutMs: 2000 });
    expect(order.filter((call) => call.startsWith('a'))).toEqual(['a1 1', 'a1 2', 'a1 3', 'a2 1', 'a3 1']);
    expect(order.indexOf('b2 1')).toBeLessThan(order.indexOf('a1 2'));
  });

  it('goes on after a dead letter, when the last of several failing handlers is done', async () => {
    await start({ maxRetries: 1, initialBackoffMs: 5 });
    const order: string[] = [];
    const failing = (id: string, initialBackoffMs: number) =>
      bus.on(
        'x',
        ({ data }, { attempt }) => {
          order.push(`${id} ${data} ${attempt}`);
          if (data === 1) throw new Error('no');
        },
        { id, retry: { maxRetries: 1, initialBackoffMs } },
      );
    failing('quick', 1);
    failing('slow', 40);
    for (const data of [1, 2]) await bus.emitAsync('x', data, { key: 'k' });
    await bus.idle({ timeoutMs: 2000 });
    expect(order).toEqual(['quick 1 1', 'slow 1 1', 'quick 1 2', 'slow 1 2', 'quick 2 1', 'slow 2 1']);
    expect(await bus.deadLetters.size()).toBe(2);
  });

  it('holds for a dead letter that is retried', async () => {
    await start({ maxRetries: 0 });
    const order: string[] = [];
    let broken = true;
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    bus.on(
      'x',
      async ({ data }) => {
        order.push(`${data} begins`);
        if (data === 'first' && broken) throw new Error('no');
        if (data === 'second') await gate;
        order.push(`${data} ends`);
      },
      { id: 'h' },
    );
    const { id } = await bus.emitAsync('x', 'first', { key: 'k' });
    await bus.idle({ timeoutMs: 2000 });
    broken = false;
    await bus.emitAsync('x', 'second', { key: 'k' });
    await waitFor(() => order.includes('second begins'));
    await bus.deadLetters.retry(`${id}:h`);
    open();
    await bus.idle({ timeoutMs: 2000 });
    expect(order).toEqual(['first begins', 'second begins', 'second ends', 'first begins', 'first ends']);
    expect(await bus.deadLetters.get(`${id}:h`)).toMatchObject({ status: 'resolved' });
  });
});
