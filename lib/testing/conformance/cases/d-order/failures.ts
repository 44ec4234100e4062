import assert from 'node:assert/strict';
import type { EventsModuleOptions } from '../../../../events-options.js';
import type { Instance } from '../../instances.js';
import type { ConformanceCase, Rig } from '../../rig.js';
import { range } from '../support.js';

/** What becomes of a key after one of its events failed. */
export const keyFailureCases: readonly ConformanceCase[] = [
  {
    name: 'keeps the order of a key while one of its events is retried',
    needs: ['ordering'],
    run: async (rig) => {
      const { bus } = await failingAtTwo(rig, 3);
      for (const i of [1, 2, 3]) await bus.emitAsync('keyed', i, { key: 'a' });
      await rig.until('the third event', () => rig.callsOf('h', 3).length === 1);
      assert.deepEqual(seen(rig, 'a'), [1, 2, 2, 2, 3]);
    },
  },
  {
    name: 'goes on with a key when one of its events has become a dead letter',
    needs: ['ordering'],
    run: async (rig) => {
      const { bus } = await failingAtTwo(rig, Infinity);
      for (const i of [1, 2, 3]) await bus.emitAsync('keyed', i, { key: 'a' });
      await rig.until('the third event', () => rig.callsOf('h', 3).length === 1);
      assert.deepEqual(seen(rig, 'a'), [1, 2, 2, 2, 3]);
      assert.equal((await rig.deadLetter(bus, 'h')).event.data, 2);
    },
  },
  {
    name: 'goes on with other keys, and with events that have none, while one key waits for a retry',
    needs: ['ordering'],
    run: async (rig) => {
      const { bus } = await failingAtTwo(rig, 2, {}, 60_000);
      // Few enough for a backend that keeps what waits in hand.
      for (const i of range(3)) await bus.emitAsync('keyed', i + 2, { key: 'a' });
      await rig.until('the failure', () => rig.calls.length === 1);
      for (const i of range(20)) await bus.emitAsync('keyed', i + 3, { key: `b-${i % 4}` });
      for (const i of range(5)) await bus.emitAsync('keyed', i + 3);
      await rig.until('25 events beside it', () => rig.calls.length >= 26);
      await rig.settle();
      assert.deepEqual(seen(rig, 'a'), [2]);
    },
  },
  {
    name: 'does not run handlers again that had succeeded when a key was held up by another',
    needs: ['ordering'],
    run: async (rig) => {
      const { bus } = await failingAtTwo(rig, 3);
      bus.on('keyed', rig.handler(), { id: 'healthy' });
      for (const i of [1, 2, 3]) await bus.emitAsync('keyed', i, { key: 'a' });
      await rig.until('the third event', () => rig.callsOf('healthy', 3).length === 1);
      await rig.settle();
      assert.deepEqual(
        rig.callsOf('healthy').map(({ data }) => data),
        [1, 2, 3],
      );
    },
  },
  {
    name: `does not hold a key up under onFailure 'skip', and retries out of order`,
    needs: ['ordering'],
    run: async (rig) => {
      const { bus } = await failingAtTwo(rig, 2, { ordering: { onFailure: 'skip' } }, 300);
      for (const i of [1, 2, 3, 4]) await bus.emitAsync('keyed', i, { key: 'a' });
      await rig.until('the retry', () => rig.callsOf('h', 2).length === 2);
      assert.deepEqual(seen(rig, 'a'), [1, 2, 3, 4, 2]);
    },
  },
  {
    name: 'keeps the order of a key over a restart in the middle of a retry, and goes on counting tries',
    needs: ['ordering', 'durable'],
    run: async (rig) => {
      const options = { drainTimeoutMs: 50, abortGraceMs: 50 };
      const first = await failingAtTwo(rig, 3, options, 500);
      for (const i of [1, 2, 3]) await first.bus.emitAsync('keyed', i, { key: 'a' });
      await rig.until('the failure', () => first.notices.some(({ action }) => action === 'retry'));
      await first.bus.close();
      await failingAtTwo(rig, 3, options, 500);
      await rig.untilTakenOver('the third event', () => rig.callsOf('h', 3).length === 1);
      assert.deepEqual(seen(rig, 'a'), [1, 2, 2, 2, 3]);
      assert.deepEqual(
        rig.callsOf('h', 2).map(({ attempt }) => attempt),
        [1, 2, 3],
      );
    },
  },
];

/** A service whose handler `h` fails for the payload 2 until this try. */
function failingAtTwo(
  rig: Rig,
  succeedsAt: number,
  options: EventsModuleOptions = {},
  initialBackoffMs = 10,
): Promise<Instance> {
  const retry = { maxRetries: 2, initialBackoffMs, backoffMultiplier: 1, maxBackoffMs: initialBackoffMs };
  const act = ({ data, attempt }: { data: unknown; attempt: number }) => {
    if (data === 2 && attempt < succeedsAt) throw new Error('not yet');
  };
  const define = (instance: Instance['bus']) => {
    instance.on('keyed', rig.handler(act), { id: 'h', retry });
  };
  return rig.start(define, undefined, { drainTimeoutMs: 50, ...options });
}

function seen(rig: Rig, key: string): unknown[] {
  return rig.callsOf('h').flatMap(({ event, data }) => (event.key === key ? [data] : []));
}
