import assert from 'node:assert/strict';
import type { EventBus } from '../../../../event-bus.js';
import type { ConformanceCase } from '../../rig.js';

export const leaseCases: readonly ConformanceCase[] = [
  {
    name: 'runs a handler once that takes four times the lease',
    needs: ['leaseMs'],
    run: async (rig) => {
      let done = 0;
      const slow = async () => {
        await rig.settle(4 * rig.leaseMs);
        done++;
      };
      const define = (bus: EventBus) => bus.on('long', rig.handler(slow), { id: 'h' });
      const { bus } = await rig.start(define);
      // A second instance is there to take over what the first one would seem to have dropped.
      if (rig.capabilities.shared) await rig.start(define);
      await bus.emitAsync('long', 1);
      await rig.untilTakenOver('the handler to end', () => done > 0);
      await rig.settle(2 * rig.leaseMs);
      assert.equal(rig.calls.length, 1);
    },
  },
  {
    name: 'keeps events that wait behind slow ones for longer than the lease from being delivered twice',
    needs: ['leaseMs', 'concurrency', 'shared'],
    run: async (rig) => {
      const total = 3 * rig.options.concurrency!;
      const slow = () => rig.settle(1.5 * rig.leaseMs);
      const define = (bus: EventBus) => bus.on('long', rig.handler(slow), { id: 'h' });
      const { bus } = await rig.start(define, undefined, { drainTimeoutMs: 4 * rig.leaseMs });
      for (let i = 0; i < total; i++) await bus.emitAsync('long', i);
      await rig.until('the first to be busy', () => rig.calls.length > 0);
      await rig.start(define, undefined, { drainTimeoutMs: 4 * rig.leaseMs });
      await rig.untilTakenOver('all events', () => rig.calls.length >= total);
      await rig.settle(rig.leaseMs);
      assert.equal(rig.calls.length, total);
    },
  },
  {
    name: 'lets a process that was stopped for longer than its lease neither acknowledge nor go on unaware',
    needs: ['fork', 'leaseMs', 'durable', 'shared'],
    run: async (rig) => {
      const stale = await rig.fork('hold');
      const gate = rig.gate();
      const owner = await rig.make(undefined, { drainTimeoutMs: 50, abortGraceMs: 50 });
      owner.bus.on(
        'work',
        rig.handler(() => gate.passed),
        { id: 'h' },
      );
      await owner.bus.emitAsync('work', 1);
      await rig.until('the process to have the event', () => stale.calls.length === 1);
      stale.signal('SIGSTOP');
      await owner.bus.start();
      await rig.untilTakenOver('another instance to take the event over', () => rig.calls.length === 1);
      assert.equal(rig.calls[0]!.redelivered, true);
      stale.signal('SIGCONT');
      await rig.untilTakenOver('the signal of its handler to abort', () => stale.aborted.length > 0);
      await stale.release();
      await rig.settle(); // what it should not say to the broker, it has said by now
      await stale.kill();
      // The event is still the other's: given back by it, it comes again.
      await owner.bus.close();
      await rig.start((bus) => bus.on('work', rig.handler(), { id: 'h' }));
      await rig.untilTakenOver('the event to come again', () => rig.calls.length === 2);
    },
  },
];
