import assert from 'node:assert/strict';
import type { ConformanceCase } from '../rig.js';
import { range } from './support.js';

export const orderAndTimeCases: readonly ConformanceCase[] = [
  {
    name: 'handles as many events at once as it says, and no more',
    needs: ['concurrency'],
    run: async (rig) => {
      const concurrency = rig.options.concurrency!;
      const gate = rig.gate();
      const { bus } = await rig.start((bus) =>
        bus.on(
          'busy',
          rig.handler(() => gate.passed),
          { id: 'h' },
        ),
      );
      for (const i of range(2 * concurrency)) await bus.emitAsync('busy', i);
      await rig.until(`${concurrency} handlers`, () => rig.calls.length >= concurrency);
      await rig.settle();
      assert.equal(rig.calls.length, concurrency);
      gate.open();
      await rig.until('all events', () => rig.calls.length === 2 * concurrency);
    },
  },
  {
    name: 'handles events of one key in order and one at a time, others beside them',
    needs: ['ordering'],
    run: async (rig) => {
      const running = new Map<string, number>();
      let together = 0;
      let mostKeys = 0;
      const { bus } = await rig.start((bus) =>
        bus.on(
          'keyed',
          rig.handler(async ({ event, data }) => {
            const key = event.key!;
            running.set(key, (running.get(key) ?? 0) + 1);
            together = Math.max(together, running.get(key)!);
            mostKeys = Math.max(mostKeys, running.size);
            if ((data as number) % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
            if (running.get(key) === 1) running.delete(key);
            else running.set(key, running.get(key)! - 1);
          }),
          { id: 'h' },
        ),
      );
      for (const i of range(50)) {
        for (const key of range(8)) await bus.emitAsync('keyed', i, { key: `key-${key}` });
      }
      await rig.until('400 events', () => rig.calls.length >= 400);
      for (const key of range(8)) {
        const seen = rig.calls.filter(({ event }) => event.key === `key-${key}`).map(({ data }) => data);
        assert.deepEqual(seen, range(50), `the order of key-${key}`);
      }
      assert.equal(together, 1, 'two events of one key ran at the same time');
      assert.ok(mostKeys > 1, 'different keys did not run at the same time');
    },
  },
  {
    name: 'keeps the order of a key while one of its events is retried',
    needs: ['ordering'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) =>
        bus.on(
          'keyed',
          rig.handler(({ data, attempt }) => {
            if (data === 2 && attempt < 3) throw new Error('not yet');
          }),
          { id: 'h' },
        ),
      );
      for (const i of [1, 2, 3]) await bus.emitAsync('keyed', i, { key: 'a' });
      await rig.until('the third event', () => rig.callsOf('h', 3).length === 1);
      assert.deepEqual(
        rig.calls.map(({ data }) => data),
        [1, 2, 2, 2, 3],
      );
    },
  },
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
      await first.bus.emitAsync('later', 1, { delayMs: 300 });
      await first.bus.close();
      assert.equal(rig.calls.length, 0);
      await rig.start((bus) => bus.on('later', rig.handler(), { id: 'h' }));
      await rig.until('the delayed event', () => rig.calls.length === 1);
    },
  },
];
