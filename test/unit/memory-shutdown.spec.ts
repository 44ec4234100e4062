import { expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  createEvent,
  createEventBus,
  type DispatchOutcome,
  EventBusClosedError,
  type EventErrorNotice,
  HANDLED,
  MemoryBackend,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { recordingHost } from './memory-host.js';

Logger.overrideLogger(false); // the failures below are meant

const never = new AbortController().signal;

function manual() {
  const backend = new MemoryBackend({ workers: 1 });
  const host = recordingHost();
  backend.attach(host);
  const ends: ((outcome: DispatchOutcome) => void)[] = [];
  const dispatch = () => new Promise<DispatchOutcome>((resolve) => ends.push(resolve));
  return { backend, host, ends, dispatch };
}

it('close() reports what it leaves behind, with a count and the first ids', async () => {
  const { backend, host, ends, dispatch } = manual();
  await backend.subscribe(dispatch);
  await backend.publish(createEvent('x', 'fails', { id: 'failing' }));
  await waitFor(() => ends.length === 1);
  const retry = { handlerId: 'h', attempt: 2, attempts: [], delayMs: 60_000 };
  ends[0]!({ ...HANDLED, status: 'failed', retries: [retry] });
  await waitFor(async () => (await backend.stats()).retrying === 1);
  await backend.publish(createEvent('x', 'runs', { id: 'running' }));
  await waitFor(() => ends.length === 2);
  for (let i = 0; i < 5; i++) await backend.publish(createEvent('x', i, { id: `queued-${i}` }));
  for (let i = 0; i < 5; i++) await backend.publish(createEvent('x', i, { id: `keyed-${i}`, key: 'k' }));
  await backend.publish(createEvent('x', 0, { id: 'delayed' }), { delayMs: 60_000 });

  await backend.close();
  expect(host.reported).toEqual([
    'The memory backend was closed before it had handled 12 of its events. Lost: 10 queued, 1 waiting for a retry, 1 delayed. Give shutdown more time, or use a durable backend. Ids: queued-0, queued-1, queued-2, queued-3, queued-4, keyed-0, keyed-1, keyed-2, keyed-3, keyed-4, ….',
  ]);
  expect(await backend.stats()).toEqual({ queued: 0, running: 1, retrying: 0, delayed: 0 });
  ends[1]!(HANDLED);
  await backend.idle(never);
  expect(ends).toHaveLength(2);
});

it('close() with nothing left says nothing, and may be called again and before subscribe', async () => {
  const { backend, host } = manual();
  await Promise.all([backend.close(), backend.close()]);
  await backend.close();
  expect(host.reported).toEqual([]);
  expect((await backend.health()).status).toBe('down');
});

it('refuses events after close(), whichever way they come', async () => {
  const { backend } = manual();
  await backend.close();
  await expect(backend.publish(createEvent('x', 1))).rejects.toThrow(EventBusClosedError);
  await expect(backend.publish(createEvent('x', 1), { delayMs: 5 })).rejects.toThrow(EventBusClosedError);
  await expect(backend.redeliver(createEvent('x', 1), {})).rejects.toThrow(EventBusClosedError);
});

it('reports a retry or a released event that comes back after close()', async () => {
  const { backend, host, ends, dispatch } = manual();
  await backend.subscribe(dispatch);
  await backend.publish(createEvent('order.placed', 1, { id: 'e1' }));
  await waitFor(() => ends.length === 1);
  await backend.close();
  const left = (handlerId: string) => ({ handlerId, attempt: 2, attempts: [], delayMs: 5 });
  ends[0]!({ ...HANDLED, status: 'released', retries: [left('retried')], released: [left('interrupted')] });
  await backend.idle(never);
  expect(host.reported).toEqual([
    expect.stringMatching(/'order\.placed' \(e1\) is lost to handler 'interrupted'/),
    expect.stringMatching(/'order\.placed' \(e1\) is lost to handler 'retried'/),
  ]);
  expect(await backend.stats()).toMatchObject({ retrying: 0 });
});

it('drain() waits for what is queued, also for what comes meanwhile, but not beyond its deadline', async () => {
  const { backend, ends, dispatch } = manual();
  await backend.subscribe(dispatch);
  await backend.publish(createEvent('x', 1));
  let drained = false;
  const drain = backend.drain({ final: true, signal: never }).then(() => (drained = true));
  await backend.publish(createEvent('x', 2));
  for (let i = 0; i < 2; i++) {
    await waitFor(() => ends.length === i + 1);
    expect(drained).toBe(false);
    ends[i]!(HANDLED);
  }
  await drain;

  await backend.publish(createEvent('x', 'late'));
  const deadline = new AbortController();
  const second = backend.drain({ final: true, signal: deadline.signal });
  deadline.abort();
  await second;
  await waitFor(() => ends.length === 3);
  ends[2]!(HANDLED);
  await backend.close();
});

it('idle() rejects with the reason of the signal, and when close() lost events', async () => {
  const { backend, ends, dispatch } = manual();
  await backend.subscribe(dispatch);
  await backend.publish(createEvent('x', 1));
  await waitFor(() => ends.length === 1);
  await backend.publish(createEvent('x', 2));
  const reason = new Error('enough');
  const controller = new AbortController();
  const idle = Promise.allSettled([backend.idle(controller.signal), backend.idle(never)]);
  controller.abort(reason);
  await expect(backend.idle(controller.signal)).rejects.toBe(reason);
  await backend.close();
  expect(await idle).toEqual([
    { status: 'rejected', reason },
    {
      status: 'rejected',
      reason: expect.objectContaining({ message: expect.stringMatching(/1 of its events/) }),
    },
  ]);
});

it('a bus that closes loses nothing it has the time for', async () => {
  const bus = createEventBus({ backend: new MemoryBackend({ workers: 2 }), retry: { initialBackoffMs: 5 } });
  const handled = new Set<unknown>();
  bus.on('x', async ({ data }, { attempt }) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (attempt === 1 && (data as number) % 10 === 0) throw new Error('once');
    handled.add(data);
  });
  await bus.start();
  for (let i = 0; i < 500; i++) await bus.emitAsync('x', i);
  await bus.close();
  expect(handled.size).toBe(500);
});

it('a bus that has no time tells which events are lost', async () => {
  const notices: EventErrorNotice[] = [];
  const bus = createEventBus({
    backend: new MemoryBackend({ workers: 1 }),
    drainTimeoutMs: 20,
    onError: (notice) => notices.push(notice),
  });
  bus.on(
    'x',
    (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    { id: 'stubborn' },
  );
  await bus.start();
  const first = await bus.emitAsync('x', 1);
  await waitFor(async () => (await bus.stats()).running === 1);
  await bus.emitAsync('x', 2, { delayMs: 60_000 });
  await bus.close();
  const told = notices.map(({ error }) => error.message).join('\n');
  expect(told).toMatch(`(${first.id}) is lost to handler 'stubborn'`);
  expect(told).toMatch(/1 of its events. Lost: 0 queued, 0 waiting for a retry, 1 delayed/);
  expect(await bus.deadLetters.size()).toBe(0);
});
