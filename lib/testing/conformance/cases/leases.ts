import assert from 'node:assert/strict';
import type { ConformanceCase } from '../rig.js';
import { numbersOf, range } from './support.js';

export const leaseCases: readonly ConformanceCase[] = [
  {
    name: 'runs a handler once that takes four times the lease',
    needs: ['leaseMs'],
    run: async (rig) => {
      const leaseMs = rig.options.leaseMs!;
      let done = 0;
      const slow = async () => {
        await new Promise((resolve) => setTimeout(resolve, 4 * leaseMs));
        done++;
      };
      const { bus } = await rig.start((bus) => bus.on('long', rig.handler(slow), { id: 'h' }));
      // A second instance is there to take over what the first one would seem to have dropped.
      if (rig.capabilities.shared) await rig.start((bus) => bus.on('long', rig.handler(slow), { id: 'h' }));
      await bus.emitAsync('long', 1);
      await rig.until('the handler to end', () => done > 0, 4 * leaseMs + rig.timeoutMs);
      await new Promise((resolve) => setTimeout(resolve, 2 * leaseMs));
      assert.equal(rig.calls.length, 1);
    },
  },
  {
    name: 'rejects a publish that the broker did not confirm, and delivers again when it is back',
    needs: ['outage'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await bus.emitAsync('x', 0);
      await rig.until('the first event', () => rig.calls.length === 1);
      const restore = await rig.options.outage!(rig.context());
      let up = false;
      const recover = async () => {
        if (up) return;
        up = true;
        await restore();
      };
      rig.cleanup(recover);
      await assert.rejects(bus.emitAsync('x', -1), 'a publish without a broker resolved');
      await recover();
      await rig.until('a publish to be confirmed again', () =>
        bus.emitAsync('x', 1).then(
          () => true,
          () => false,
        ),
      );
      await rig.until('the event after the outage', () => rig.callsOf('h', 1).length > 0);
    },
  },
  {
    name: 'loses no confirmed event in an outage',
    needs: ['outage', 'durable'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      for (const i of range(100)) await bus.emitAsync('x', i);
      const restore = await rig.options.outage!(rig.context());
      await restore();
      await rig.until('every confirmed event', () => new Set(numbersOf(rig.calls)).size === 100);
    },
  },
];
