import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  createEvent,
  type DispatchOutcome,
  type Event,
  EventConfigurationError,
  HANDLED,
  HANDLED_NOW,
  MemoryBackend,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { recordingHost } from './memory-host.js';

const backends: MemoryBackend[] = [];
const never = new AbortController().signal;

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

function numbered(count: number, options: { key?: string } = {}): Event<number>[] {
  return Array.from({ length: count }, (_, i) => createEvent('numbered', i, options));
}

/** A dispatcher whose deliveries end when told to. */
function manualDispatcher() {
  const open: { data: unknown; end: (outcome?: DispatchOutcome) => void }[] = [];
  const dispatch = (event: { data: unknown }) =>
    new Promise<DispatchOutcome>((resolve) => {
      const entry = { data: event.data, end: (outcome = HANDLED) => resolve(outcome) };
      open.push(entry);
    });
  return { open, dispatch, endNext: () => open.shift()!.end() };
}

describe('handing events to the dispatcher', () => {
  it('keeps what is published before subscribe, in order', async () => {
    const backend = memory();
    for (const event of numbered(50)) await backend.publish(event);
    const seen: unknown[] = [];
    await backend.subscribe((event) => (seen.push(event.data), HANDLED_NOW));
    await backend.idle(never);
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('hands over the very event, without delivery facts', async () => {
    const backend = memory();
    const event = createEvent('order.placed', { total: 1 });
    const calls: unknown[][] = [];
    await backend.subscribe((...call) => (calls.push(call), HANDLED_NOW));
    await backend.publish(event);
    await backend.idle(never);
    expect(calls).toEqual([[event]]);
    expect(calls[0]![0]).toBe(event);
  });

  it('does not run handlers before the emitter has gone on', async () => {
    const backend = memory();
    const order: string[] = [];
    await backend.subscribe(() => (order.push('handled'), HANDLED_NOW));
    await backend.publish(createEvent('x', 1));
    await Promise.resolve();
    order.push('emitter');
    await backend.idle(never);
    expect(order).toEqual(['emitter', 'handled']);
  });

  it('runs as many at a time as there are workers, and no more', async () => {
    const backend = memory({ workers: 3 });
    const { open, dispatch, endNext } = manualDispatcher();
    await backend.subscribe(dispatch);
    for (const event of numbered(7)) await backend.publish(event);
    await waitFor(() => open.length === 3);
    expect(await backend.stats()).toEqual({ queued: 4, running: 3, retrying: 0, delayed: 0 });
    for (const next of [3, 4, 5, 6]) {
      endNext();
      await waitFor(() => open.at(-1)?.data === next);
      expect(open).toHaveLength(3);
    }
  });

  it('keeps the context of one emitter out of the handlers of another', async () => {
    const request = new AsyncLocalStorage<string>();
    const backend = memory();
    const seen: (string | undefined)[] = [];
    await backend.subscribe(async () => {
      seen.push(request.getStore());
      await Promise.resolve();
      return HANDLED;
    });
    await request.run('first', () => backend.publish(createEvent('x', 1)));
    await request.run('second', () => backend.publish(createEvent('x', 2)));
    await request.run('third', () => backend.publish(createEvent('x', 3), { delayMs: 1 }));
    await waitFor(() => seen.length === 3);
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  it.each(['synchronous', 'asynchronous'])(
    'lets timers run while %s handlers emit without end',
    async (kind) => {
      const backend = memory();
      let handled = 0;
      const outcome = kind === 'synchronous' ? () => HANDLED_NOW : () => Promise.resolve(HANDLED);
      await backend.subscribe((event) => {
        handled++;
        void backend.publish(event as Event).catch(() => undefined); // until it is closed
        return outcome();
      });
      await backend.publish(createEvent('again', 1));
      await waitFor(() => handled > 1000); // looks again by a timer
    },
  );

  it('goes on under the fake timers of a test, which control delays alone', async () => {
    jest.useFakeTimers();
    const backend = memory();
    const seen: unknown[] = [];
    await backend.subscribe((event) => (seen.push(event.data), HANDLED_NOW));
    await backend.publish(createEvent('x', 'later'), { delayMs: 60_000 });
    await backend.publish(createEvent('x', 'now'));
    await backend.idle(never);
    expect(seen).toEqual(['now']);
    jest.advanceTimersByTime(60_000);
    await backend.idle(never);
    expect(seen).toEqual(['now', 'later']);
  });

  it('keeps an event as a dead letter when the dispatcher itself breaks, and goes on', async () => {
    const backend = memory({ workers: 1 });
    const host = recordingHost();
    backend.attach(host);
    const seen: unknown[] = [];
    await backend.subscribe((event) => {
      seen.push(event.data);
      return event.data === 0 ? Promise.reject(new Error('dispatcher broke')) : HANDLED_NOW;
    });
    const events = numbered(2, { key: 'one' });
    for (const event of events) await backend.publish(event);
    await backend.idle(never);
    expect(seen).toEqual([0, 1]);
    expect(host.kept).toEqual([events[0]]);
    expect(host.reported).toEqual(['dispatcher broke']);
  });
});

describe('events with a key', () => {
  it('run one at a time and in order, beside those of other keys and of none', async () => {
    const backend = memory({ workers: 10 });
    const { open, dispatch } = manualDispatcher();
    await backend.subscribe(dispatch);
    for (const data of ['a1', 'a2', 'a3']) await backend.publish(createEvent('x', data, { key: 'a' }));
    for (const data of ['b1', 'b2']) await backend.publish(createEvent('x', data, { key: 'b' }));
    for (const data of ['free1', 'free2']) await backend.publish(createEvent('x', data));
    const running = () => open.map(({ data }) => data);
    const end = (data: string) => open.splice(running().indexOf(data), 1)[0]!.end();

    await waitFor(() => open.length === 4);
    expect(running()).toEqual(['a1', 'b1', 'free1', 'free2']);
    expect(await backend.stats()).toMatchObject({ queued: 3, running: 4 });
    end('a1');
    await waitFor(() => running().includes('a2'));
    expect(running()).toEqual(['b1', 'free1', 'free2', 'a2']);
    end('a2');
    await waitFor(() => running().includes('a3'));
    expect(running()).not.toContain('b2');
  });

  it('keep their order over 16 keys of 200 events', async () => {
    const backend = memory({ workers: 4, queueSize: 4000 });
    const seen = new Map<string, number[]>();
    let inKey = 0;
    const busy = new Set<string>();
    await backend.subscribe(async (event) => {
      const key = event.key!;
      if (busy.has(key)) inKey++;
      busy.add(key);
      if ((event.data as number) % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      seen.set(key, [...(seen.get(key) ?? []), event.data as number]);
      busy.delete(key);
      return HANDLED;
    });
    const order = Array.from({ length: 200 }, (_, i) => i);
    for (const i of order) {
      for (let key = 0; key < 16; key++) await backend.publish(createEvent('x', i, { key: `key-${key}` }));
    }
    await backend.idle(never);
    expect(inKey).toBe(0);
    expect(seen.size).toBe(16);
    for (const numbers of seen.values()) expect(numbers).toEqual(order);
  });
});

describe('delayed events', () => {
  it('come when they are due, not before, and do not count as work to wait for', async () => {
    const backend = memory();
    const startedAt = performance.now();
    let waited = 0;
    await backend.subscribe(() => ((waited = performance.now() - startedAt), HANDLED_NOW));
    await backend.publish(createEvent('x', 1), { delayMs: 40 });
    expect(await backend.stats()).toMatchObject({ delayed: 1, queued: 0 });
    await backend.idle(never);
    expect(waited).toBe(0);
    await waitFor(() => waited > 0);
    expect(waited).toBeGreaterThanOrEqual(39); // setTimeout counts in whole milliseconds
  });

  it('may be as far off as anybody likes', async () => {
    jest.useFakeTimers();
    const backend = memory();
    let handled = 0;
    await backend.subscribe(() => (handled++, HANDLED_NOW));
    const thirtyDays = 30 * 24 * 3600 * 1000;
    await backend.publish(createEvent('x', 1), { delayMs: thirtyDays });
    jest.advanceTimersByTime(thirtyDays - 1);
    await backend.idle(never);
    expect(handled).toBe(0);
    jest.advanceTimersByTime(1);
    await backend.idle(never);
    expect(handled).toBe(1);
  });

  it('still keep the order of their key from the moment they are due', async () => {
    const backend = memory();
    const { open, dispatch, endNext } = manualDispatcher();
    await backend.subscribe(dispatch);
    await backend.publish(createEvent('x', 'first', { key: 'a' }));
    await backend.publish(createEvent('x', 'delayed', { key: 'a' }), { delayMs: 1 });
    await waitFor(async () => open.length > 0 && (await backend.stats()).queued === 1);
    expect(open.map(({ data }) => data)).toEqual(['first']);
    endNext();
    await waitFor(() => open[0]?.data === 'delayed');
  });
});

describe('options', () => {
  it.each([
    [{ workers: 0 }, /workers = 0, but it must be a whole number from 1/],
    [{ workers: 2.5 }, /workers = 2.5/],
    [{ workers: Number.POSITIVE_INFINITY }, /workers = Infinity/],
    [{ queueSize: -1 }, /queueSize = -1/],
    [{ queueSize: Number.NaN }, /queueSize = NaN/],
    [
      { overflow: 'drop' as 'wait' },
      /overflow = drop, but it must be one of 'dead-letter', 'wait', 'reject'/,
    ],
  ])('refuses %j', (options, message) => {
    const make = () => new MemoryBackend(options);
    expect(make).toThrow(EventConfigurationError);
    expect(make).toThrow(message);
  });
});
