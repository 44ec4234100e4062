import assert from 'node:assert/strict';
import type { RetryPolicy } from '../../../../dispatch/retry-policy.js';
import { RetryAfterError, UnrecoverableError } from '../../../../errors.js';
import type { Instance } from '../../instances.js';
import type { ConformanceCase, Rig } from '../../rig.js';
import { gapsOf, range } from '../support.js';

/** Timers count whole milliseconds, and the clocks of process and broker do not tick together. */
const CLOCK_SLACK_MS = 3;

export const retryCases: readonly ConformanceCase[] = [
  {
    name: 'tries exactly as often as the policy says, and counts the tries from 1',
    run: async (rig) => {
      const { bus } = await failing(rig, { maxRetries: 2, initialBackoffMs: 10 });
      await bus.emitAsync('x', 1);
      const entry = await rig.deadLetter(bus, 'h');
      await rig.settle();
      assert.deepEqual(
        rig.calls.map(({ attempt }) => attempt),
        [1, 2, 3],
      );
      assert.deepEqual(
        entry.attempts.map(({ error }) => error.message),
        ['try 1', 'try 2', 'try 3'],
      );
    },
  },
  {
    name: 'tells a handler which deliveries may be repetitions',
    run: async (rig) => {
      const { bus } = await failing(rig, { maxRetries: 1, initialBackoffMs: 10 });
      await bus.emitAsync('x', 1);
      await rig.deadLetter(bus, 'h');
      assert.deepEqual(
        rig.calls.map(({ redelivered }) => redelivered),
        [false, true],
      );
    },
  },
  {
    name: 'does not retry a handler that wants none',
    run: async (rig) => {
      const { bus } = await failing(rig, { maxRetries: 0 });
      await bus.emitAsync('x', 1);
      await rig.deadLetter(bus, 'h');
      await rig.settle();
      assert.equal(rig.calls.length, 1);
    },
  },
  {
    name: 'waits as long as the backoff says, and not much longer',
    run: async (rig) => {
      const { bus } = await failing(rig, { maxRetries: 3, initialBackoffMs: 50, backoffMultiplier: 2 });
      await bus.emitAsync('x', 1);
      await rig.deadLetter(bus, 'h');
      assertWaits(rig, gapsOf(rig.calls), [50, 100, 200]);
    },
  },
  {
    name: 'reports the very delay that it then keeps, jitter included',
    run: async (rig) => {
      const policy = { maxRetries: 1, initialBackoffMs: 100, jitter: 0.5 };
      const { bus, notices } = await failing(rig, policy);
      for (const i of range(10)) await bus.emitAsync('x', i);
      await rig.until('ten dead letters', async () => (await bus.deadLetters.size()) === 10);
      const reported = range(10).map(
        (i) => notices.find(({ action, event }) => action === 'retry' && event?.data === i)!.delayMs!,
      );
      for (const ms of reported)
        assert.ok(ms >= 50 && ms <= 100, `a delay of ${ms} ms is not from 50 to 100`);
      assert.ok(new Set(reported).size > 1, 'all delays are the same');
      const waited = range(10).flatMap((i) => gapsOf(rig.callsOf('h', i)));
      assertWaits(rig, waited, reported);
    },
  },
  {
    name: 'sends what cannot be mended to the dead letters at once',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        const unrecoverable = () => {
          throw new UnrecoverableError('gone');
        };
        const refused = () => {
          throw new Error('fatal');
        };
        bus.on('x', rig.handler(unrecoverable), { id: 'unrecoverable' });
        bus.on('x', rig.handler(refused), { id: 'refused', retry: { retryIf: () => false } });
      });
      await bus.emitAsync('x', 1);
      for (const id of ['unrecoverable', 'refused']) {
        assert.equal((await rig.deadLetter(bus, id)).attempts.length, 1, id);
      }
      await rig.settle();
      assert.equal(rig.calls.length, 2);
    },
  },
  {
    name: 'waits as long as a RetryAfterError asks for instead of the backoff',
    run: async (rig) => {
      const { bus } = await rig.start((bus) =>
        bus.on(
          'x',
          rig.handler(({ attempt }) => {
            if (attempt === 1) throw new RetryAfterError(150);
          }),
          { id: 'h', retry: { initialBackoffMs: 1 } },
        ),
      );
      await bus.emitAsync('x', 1);
      await rig.until('the second try', () => rig.calls.length === 2);
      assertWaits(rig, gapsOf(rig.calls), [150]);
    },
  },
];

/** A service whose handler `h` always fails. */
function failing(rig: Rig, retry: RetryPolicy, options = {}): Promise<Instance> {
  const act = ({ attempt }: { attempt: number }) => {
    throw new Error(`try ${attempt}`);
  };
  return rig.start((bus) => bus.on('x', rig.handler(act), { id: 'h', retry }), undefined, options);
}

function assertWaits(rig: Rig, waited: readonly number[], asked: readonly number[]): void {
  assert.equal(waited.length, asked.length);
  asked.forEach((ms, i) => {
    const actual = waited[i]!;
    assert.ok(actual >= ms - CLOCK_SLACK_MS, `a wait of ${ms} ms ended after ${actual.toFixed(1)} ms`);
    assert.ok(actual < ms + rig.toleranceMs, `a wait of ${ms} ms took ${actual.toFixed(1)} ms`);
  });
}
