import { afterEach, describe, expect, it } from '@jest/globals';
import {
  EventConfigurationError,
  MemoryBackend,
  MemoryDeadLetterStore,
  type RetryFailedProgress,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses } from './buses.js';
import { mendingBus } from './dead-letter-bus.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

const soon = { initialBackoffMs: 5, backoffMultiplier: 1 };

describe('retryFailed', () => {
  it.each([
    ['memory', () => new MemoryBackend()],
    ['a plain backend', () => new PlainBackend()],
  ])('retries round by round until nothing is left: %s', async (_, backend) => {
    const mending = await mendingBus(backend());
    const { bus, calls, fail } = mending;
    await fail(1, 2, 3);
    // The n-th entry works at its n-th retry.
    mending.fails = (data) => calls.filter((call) => call === data).length <= (data as number);
    const progress: RetryFailedProgress[] = [];
    const result = await bus.deadLetters.retryFailed({ ...soon, onProgress: (step) => progress.push(step) });
    expect(result).toEqual({ resolved: 3, dead: 0, gone: 0, rounds: 3 });
    expect(progress).toEqual([
      { round: 1, waiting: 2, resolved: 1, dead: 0 },
      { round: 1, waiting: 1, resolved: 1, dead: 1 },
      { round: 1, waiting: 0, resolved: 1, dead: 2 },
      { round: 1, waiting: 0, resolved: 1, dead: 2, nextRoundInMs: 5 },
      { round: 2, waiting: 1, resolved: 2, dead: 0 },
      { round: 2, waiting: 0, resolved: 2, dead: 1 },
      { round: 2, waiting: 0, resolved: 2, dead: 1, nextRoundInMs: 5 },
      { round: 3, waiting: 0, resolved: 3, dead: 0 },
    ]);
    expect(await bus.deadLetters.size()).toBe(0);
  });

  it('gives up after its rounds, with waits that grow up to a limit', async () => {
    const { bus, calls, fail } = await mendingBus();
    const [entry] = await fail('a');
    calls.length = 0;
    const waits: number[] = [];
    const result = await bus.deadLetters.retryFailed({
      rounds: 5,
      initialBackoffMs: 4,
      backoffMultiplier: 3,
      maxBackoffMs: 40,
      onProgress: ({ nextRoundInMs }) => nextRoundInMs !== undefined && waits.push(nextRoundInMs),
    });
    expect(result).toEqual({ resolved: 0, dead: 1, gone: 0, rounds: 5 });
    expect(waits).toEqual([4, 12, 36, 40]);
    expect(calls).toHaveLength(5);
    expect((await bus.deadLetters.get(entry!.id))!.attempts).toHaveLength(6);
  });

  it('has nothing to do where nothing is found', async () => {
    const { bus, fail } = await mendingBus();
    await fail('a');
    const nothing = { resolved: 0, dead: 0, gone: 0, rounds: 0 };
    expect(await bus.deadLetters.retryFailed({ filter: { handlerId: 'other' } })).toEqual(nothing);
    await bus.deadLetters.discard({});
    expect(await bus.deadLetters.retryFailed()).toEqual(nothing);
  });

  it('leaves alone what somebody else took meanwhile', async () => {
    const { bus, fail } = await mendingBus();
    const [a, b] = await fail('a', 'b');
    const result = await bus.deadLetters.retryFailed({
      ...soon,
      rounds: 2,
      onProgress: ({ round, nextRoundInMs }) => {
        // Has taken effect when it returns its promise, as everything in this memory does but the first look.
        if (round === 1 && nextRoundInMs !== undefined) void bus.deadLetters.discard(a!.id);
      },
    });
    expect(result).toEqual({ resolved: 0, dead: 1, gone: 1, rounds: 2 });
    expect(await bus.deadLetters.get(a!.id)).toMatchObject({ status: 'discarded' });
    expect(await bus.deadLetters.get(b!.id)).toMatchObject({ status: 'dead' });
  });

  it('counts what could not be handed back as dead, and tries it again', async () => {
    let refusals = 2;
    class Refusing extends PlainBackend {
      async redeliver(...args: Parameters<NonNullable<PlainBackend['dispatch']>>): Promise<void> {
        if (refusals-- > 0) throw new Error('the broker is down');
        void this.dispatch!(...args);
      }
    }
    const mending = await mendingBus(new Refusing());
    await mending.fail('a', 'b');
    mending.fails = () => false;
    expect(await mending.bus.deadLetters.retryFailed(soon)).toEqual({
      resolved: 2,
      dead: 0,
      gone: 0,
      rounds: 2,
    });
  });

  it('waits for a slow handler with few looks at the store, and stops at the signal', async () => {
    const looks: string[] = [];
    class Watched extends MemoryDeadLetterStore {
      override get(id: string) {
        looks.push(id);
        return super.get(id);
      }
    }
    const { bus, fail } = await mendingBus(new MemoryBackend(), { deadLetters: new Watched() });
    const [entry] = await fail('a');
    const controller = new AbortController();
    const gate = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve()));
    let begun = false;
    bus.off('x');
    bus.on('x', () => ((begun = true), gate), { id: 'h' });
    looks.length = 0;
    const reason = new Error('enough');
    const running = bus.deadLetters.retryFailed({ signal: controller.signal });
    const before = performance.now();
    await waitFor(() => begun && looks.length >= 5);
    expect(performance.now() - before).toBeGreaterThan(25 + 50 + 100 + 200 - 10);
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    await waitFor(async () => (await bus.deadLetters.get(entry!.id))?.status === 'resolved');
  });

  it('takes an entry again that got stuck', async () => {
    const deadLetters = new MemoryDeadLetterStore();
    let swallowed = 0;
    class Forgetful extends PlainBackend {
      async redeliver(...args: Parameters<NonNullable<PlainBackend['dispatch']>>): Promise<void> {
        if (swallowed++ > 0) void this.dispatch!(...args);
      }
    }
    const mending = await mendingBus(new Forgetful(), { deadLetters });
    await mending.fail('a');
    mending.fails = () => false;
    expect(await mending.bus.deadLetters.retryFailed({ ...soon, stuckForMs: 30 })).toMatchObject({
      resolved: 1,
      rounds: 2,
    });
  });

  it.each<[string, unknown]>([
    ['rounds', 0],
    ['rounds', 1.5],
    ['initialBackoffMs', -1],
    ['maxBackoffMs', '1'],
    ['backoffMultiplier', 0.5],
  ])('refuses %s = %p', async (option, value) => {
    const { bus } = await mendingBus();
    const run = bus.deadLetters.retryFailed({ [option]: value });
    await expect(run).rejects.toThrow(EventConfigurationError);
    await expect(run).rejects.toThrow(`retryFailed() was given ${option} = ${String(value)}`);
  });
});
