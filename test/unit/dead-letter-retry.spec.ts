import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type DeadLetterRetryProgress,
  type Delivery,
  type Event,
  EventConfigurationError,
  MemoryBackend,
  MemoryDeadLetterStore,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses } from './buses.js';
import { mendingBus, untilStatus } from './dead-letter-bus.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

/** Does not take back what contains a word. */
class Refusing extends PlainBackend {
  refused = 'never';
  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    if (JSON.stringify(event.data).includes(this.refused)) throw new Error('the broker is down');
    void this.dispatch!(event, delivery);
  }
}

describe('retry', () => {
  it('hands back the chosen ones, and tells how far it is', async () => {
    const mending = await mendingBus();
    const { bus, calls, fail } = mending;
    const [a, b, c] = await fail('a', 'b', 'c');
    mending.fails = () => false;
    calls.length = 0;
    const progress: DeadLetterRetryProgress[] = [];
    const ids = [a!.id, 'unknown', c!.id, a!.id];
    const result = await bus.deadLetters.retry(ids, { onProgress: (step) => progress.push(step) });
    expect(result).toEqual({ count: 2, ids: [a!.id, c!.id], failed: [] });
    expect(progress).toEqual([
      { done: 1, retried: 1, total: 4 },
      { done: 2, retried: 1, total: 4 },
      { done: 3, retried: 2, total: 4 },
    ]);
    await untilStatus(bus, c!.id, 'resolved');
    expect(new Set(calls)).toEqual(new Set(['a', 'c']));
    expect(calls).toHaveLength(2);
    expect(await bus.deadLetters.get(b!.id)).toMatchObject({ status: 'dead' });
  });

  it('takes an entry once, though it fails again while others are still to come', async () => {
    const { bus, calls, fail } = await mendingBus(new PlainBackend());
    await fail(...Array.from({ length: 250 }, (_, i) => i));
    calls.length = 0;
    const { count } = await bus.deadLetters.retry({ type: 'x' }, { ratePerSecond: 2000 });
    expect(count).toBe(250);
    await bus.idle({ timeoutMs: 5000 });
    expect(calls).toHaveLength(250);
  });

  it('changes nothing in a dry run', async () => {
    const { bus, calls, fail } = await mendingBus();
    const [a, b] = await fail('a', 'b');
    const before = await bus.deadLetters.list();
    calls.length = 0;
    const dry = { dryRun: true, ratePerSecond: 0.001 };
    expect(await bus.deadLetters.retry({}, dry)).toEqual({ count: 2, ids: [a!.id, b!.id], failed: [] });
    expect(await bus.deadLetters.retry([b!.id, 'unknown'], dry)).toMatchObject({ ids: [b!.id] });
    expect(await bus.deadLetters.list()).toEqual(before);
    await bus.idle({ timeoutMs: 1000 });
    expect(calls).toEqual([]);
  });

  it('keeps to the rate', async () => {
    const { bus, fail } = await mendingBus();
    await fail(...Array.from({ length: 11 }, (_, i) => i));
    const before = performance.now();
    expect((await bus.deadLetters.retry({}, { ratePerSecond: 50 })).count).toBe(11);
    expect(performance.now() - before).toBeGreaterThanOrEqual(195);
  });

  it('stops at the signal; what was handed back stays so', async () => {
    const { bus, fail } = await mendingBus();
    const entries = await fail('a', 'b', 'c');
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = () => controller.abort(reason);
    const slow = { ratePerSecond: 0.001, signal: controller.signal, onProgress };
    await expect(bus.deadLetters.retry({}, slow)).rejects.toBe(reason);
    await untilStatus(bus, entries[0]!.id, 'dead');
    const counts = await Promise.all(
      entries.map(async ({ id }) => (await bus.deadLetters.get(id))!.attempts.length),
    );
    expect(counts).toEqual([2, 1, 1]);
  });

  it('goes on after one that the backend does not take, which stays dead', async () => {
    const backend = new Refusing();
    const { bus, fail } = await mendingBus(backend);
    const [a, b, c] = await fail('a', 'b', 'c');
    backend.refused = 'b';
    const { ids, failed } = await bus.deadLetters.retry({});
    expect(ids).toEqual([a!.id, c!.id]);
    expect(failed).toEqual([{ id: b!.id, error: new Error('the broker is down') }]);
    expect(await bus.deadLetters.get(b!.id)).toMatchObject({ status: 'dead', attempts: [{}] });
  });

  it('throws for a single one', async () => {
    const backend = new Refusing();
    const { bus, fail } = await mendingBus(backend);
    const [a] = await fail('a');
    backend.refused = 'a';
    await expect(bus.deadLetters.retry(a!.id)).rejects.toThrow('the broker is down');
    expect(await bus.deadLetters.get(a!.id)).toMatchObject({ status: 'dead' });
  });

  it('says so when an entry may be left behind', async () => {
    const backend = new Refusing();
    const deadLetters = new MemoryDeadLetterStore();
    const { bus, fail } = await mendingBus(backend, { deadLetters });
    const [a] = await fail('a');
    backend.refused = 'a';
    const transition = deadLetters.transition.bind(deadLetters);
    deadLetters.transition = (id, from, ...rest) =>
      from === 'retrying' ? Promise.reject(new Error('store is down')) : transition(id, from, ...rest);
    await expect(bus.deadLetters.retry(a!.id)).rejects.toThrow(/may be left 'retrying'.*stuckForMs/);
  });

  it('does not hand an entry to a bus that is closed', async () => {
    const deadLetters = new MemoryDeadLetterStore();
    const { bus, calls, fail } = await mendingBus(new PlainBackend(), { deadLetters });
    const [a] = await fail('a');
    await bus.close();
    calls.length = 0;
    await expect(bus.deadLetters.retry(a!.id)).rejects.toThrow(/closed/);
    expect(await deadLetters.get(a!.id)).toMatchObject({ status: 'dead' });
    expect(calls).toEqual([]);
  });
});

describe('an entry that is stuck', () => {
  it('is taken by the one of several operators who is first, and not before its time', async () => {
    const deadLetters = new MemoryDeadLetterStore();
    const mending = await mendingBus(new MemoryBackend(), { deadLetters });
    const { bus, calls, fail } = mending;
    const [a, b] = await fail('a', 'b');
    mending.fails = () => false;
    for (const { id } of [a!, b!]) await deadLetters.transition(id, 'dead', 'retrying');
    const { changedAt } = (await deadLetters.get(b!.id))!;
    expect(await bus.deadLetters.retry({})).toMatchObject({ count: 0 });
    expect(await bus.deadLetters.retry(a!.id, { stuckForMs: 60_000 })).toMatchObject({ count: 0 });
    expect(await bus.deadLetters.retry({}, { stuckForMs: 60_000 })).toMatchObject({ count: 0 });
    await waitFor(() => Date.now() - changedAt.getTime() > 20);
    const stuck = { stuckForMs: 20 };
    expect(await bus.deadLetters.retry({}, { ...stuck, dryRun: true })).toMatchObject({
      ids: [a!.id, b!.id],
    });
    calls.length = 0;
    const results = await Promise.all([
      bus.deadLetters.retry({}, stuck),
      bus.deadLetters.retry([a!.id, b!.id], stuck),
    ]);
    await bus.idle({ timeoutMs: 2000 });
    expect(results.map(({ count }) => count).reduce((sum, count) => sum + count)).toBe(2);
    expect(new Set(calls)).toEqual(new Set(['a', 'b']));
    expect(calls).toHaveLength(2);
  });
});

describe('what cannot be used is refused', () => {
  it.each<[string, unknown]>([
    ['ratePerSecond', 0],
    ['ratePerSecond', Infinity],
    ['ratePerSecond', '5'],
    ['stuckForMs', 0],
    ['stuckForMs', Number.NaN],
  ])('%s = %p', async (option, value) => {
    const { bus } = await mendingBus();
    const retry = bus.deadLetters.retry({}, { [option]: value });
    await expect(retry).rejects.toThrow(EventConfigurationError);
    await expect(retry).rejects.toThrow(`retry() was given ${option} = ${String(value)}, but it must be`);
  });

  it.each<[unknown, RegExp]>([
    [undefined, /nothing, but it needs an id/],
    [null, /null, but it needs an id/],
    ['', /"", but it needs an id/],
    [[1], /1 among its ids/],
    [{ handlerID: 'h' }, /handlerID = h, but a filter has only type, handlerId/],
    [{ since: 'yesterday' }, /since = yesterday, but it must be a valid Date/],
    [{ until: new Date('x') }, /until = Invalid Date/],
    [{ status: 'gone' }, /status = gone, but it must be of dead, retrying/],
    [{ type: 7 }, /type = 7, but it must be a string/],
  ])('%p as a choice', async (selection, message) => {
    const { bus, fail } = await mendingBus();
    await fail('a');
    const { deadLetters } = bus;
    await expect(deadLetters.retry(selection as string)).rejects.toThrow(message);
    await expect(deadLetters.discard(selection as string)).rejects.toThrow(EventConfigurationError);
    expect((await deadLetters.list({ status: 'dead' })).entries).toHaveLength(1);
  });
});
