import assert from 'node:assert/strict';
import type { EventBus } from '../../../../event-bus.js';
import type { ConformanceCase } from '../../rig.js';
import { assertNumbers, distinct, range } from '../support.js';

export const delayCases: readonly ConformanceCase[] = [
  {
    name: 'delivers a delayed event when it is due, not before, and once',
    needs: ['delay'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('later', rig.handler(), { id: 'h' }));
      const startedAt = performance.now();
      await bus.emitAsync('later', 'delayMs', { delayMs: 300 });
      await bus.emitAsync('later', 'at', { at: new Date(Date.now() + 200) });
      await bus.emitAsync('later', 'now');
      await rig.until('all three', () => rig.calls.length >= 3);
      await rig.settle();
      assert.deepEqual(
        rig.calls.map(({ data }) => data),
        ['now', 'at', 'delayMs'],
      );
      for (const [data, ms] of [
        ['at', 200],
        ['delayMs', 300],
      ] as const) {
        const waited = rig.callsOf('h', data)[0]!.at - startedAt;
        // 3 ms: timers count whole milliseconds, and `at` was computed a moment after the start.
        assert.ok(waited >= ms - 3, `'${data}' came after ${waited.toFixed(1)} ms instead of ${ms}`);
        assert.ok(waited < ms + rig.toleranceMs, `'${data}' took ${waited.toFixed(1)} ms instead of ${ms}`);
      }
    },
  },
  {
    name: 'keeps delayed events over a restart',
    needs: ['delay', 'durable'],
    run: async (rig) => {
      const first = await rig.start((bus) => bus.on('later', rig.handler(), { id: 'h' }));
      await first.bus.emitAsync('later', 1, { delayMs: 800 });
      await first.bus.close();
      assert.equal(rig.calls.length, 0);
      await rig.start((bus) => bus.on('later', rig.handler(), { id: 'h' }));
      await rig.until('the delayed event', () => rig.calls.length === 1);
    },
  },
  {
    name: 'delivers each of many events that are due at once one time, though several instances look for them',
    needs: ['delay'],
    run: async (rig) => {
      const define = (bus: EventBus) => bus.on('later', rig.handler(), { id: 'h' });
      const { bus } = await rig.start(define);
      if (rig.capabilities.shared) for (const _ of range(2)) await rig.start(define);
      const at = new Date(Date.now() + 300);
      await Promise.all(range(500).map((i) => bus.emitAsync('later', i, { at })));
      await rig.until('500 events', () => rig.calls.length >= 500);
      await rig.settle();
      assertNumbers(rig.calls, range(500));
    },
  },
  {
    name: 'takes a delayed event back, once, and never delivers it',
    needs: ['delay', 'cancel'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('later', rig.handler(), { id: 'h' }));
      const { id } = await bus.emitAsync('later', 'cancelled', { delayMs: 200 });
      await bus.emitAsync('later', 'kept', { delayMs: 250 });
      const cancelled = await Promise.all([bus.cancel(id), bus.cancel(id), bus.cancel('unknown')]);
      assert.deepEqual([cancelled.filter(Boolean).length, cancelled[2]], [1, false]);
      await rig.until('the other event', () => rig.calls.length > 0);
      await rig.settle();
      assert.deepEqual(
        rig.calls.map(({ data }) => data),
        ['kept'],
      );
      assert.equal(await bus.cancel(rig.calls[0]!.event.id), false, 'what was handled cannot be taken back');
    },
  },
  {
    name: 'either takes an event back that is just due, or delivers it: never both, never neither',
    needs: ['delay', 'cancel'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('later', rig.handler(), { id: 'h' }));
      const at = Date.now() + 300;
      const ids = await Promise.all(
        range(200).map(async (i) => (await bus.emitAsync('later', i, { at: new Date(at) })).id),
      );
      await rig.settle(at - Date.now() - 5);
      const cancelled: boolean[] = [];
      for (const [i, id] of ids.entries()) {
        if (i % 10 === 0) await rig.settle(1); // so that some are tried before they are due, and some after
        cancelled.push(await bus.cancel(id));
      }
      const kept = range(200).filter((i) => !cancelled[i]);
      await rig.until('the others', () => distinct(rig.calls) >= kept.length);
      await rig.settle();
      assertNumbers(rig.calls, kept);
    },
  },
];
