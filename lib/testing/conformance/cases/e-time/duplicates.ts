import assert from 'node:assert/strict';
import type { EmitReceipt } from '../../../../emit/publisher.js';
import type { EventBus } from '../../../../event-bus.js';
import type { ConformanceCase } from '../../rig.js';
import { range } from '../support.js';

/** Events that are published more than once, with an id of the emitter's own. */
export const publishedTwiceCases: readonly ConformanceCase[] = [
  {
    name: 'stores an event once that is published again, and says so',
    needs: ['dedup'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      const receipts: EmitReceipt[] = [];
      for (const i of range(3)) receipts.push(await bus.emitAsync('x', i, { id: 'one' }));
      await bus.emitAsync('x', 'next');
      await rig.until('the next event', () => rig.callsOf('h', 'next').length === 1);
      await rig.settle();
      assert.deepEqual(receipts.map(duplicate), [false, true, true]);
      assert.equal(rig.calls.length, 2);
      assert.equal(rig.calls.find(({ event }) => event.id === 'one')?.data, 0, 'the first one counts');
    },
  },
  {
    name: 'stores an event once that is published several times at once, by one emitter or several',
    needs: ['dedup'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      const buses = rig.capabilities.shared ? [bus, (await rig.make()).bus] : [bus, bus];
      const receipts = await Promise.all(
        range(20).map((i) => buses[i % 2]!.emitAsync('x', i, { id: 'one' })),
      );
      await bus.emitAsync('x', 'next');
      await rig.until('the next event', () => rig.callsOf('h', 'next').length === 1);
      await rig.settle();
      assert.equal(receipts.filter((receipt) => !duplicate(receipt)).length, 1);
      assert.equal(rig.calls.length, 2);
    },
  },
  {
    name: 'finds duplicates inside a batch, and stores the others of it',
    needs: ['dedup'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await bus.emitAsync('x', 0, { id: 'zero' });
      const ids = ['one', 'two', 'one', 'zero'];
      const results = await bus.emitBatch(ids.map((id) => ({ type: 'x', data: id, options: { id } })));
      await rig.until('three events', () => rig.calls.length >= 3);
      await rig.settle();
      assert.deepEqual(
        results.map((result) => result.status === 'fulfilled' && duplicate(result.value)),
        [false, false, true, true],
      );
      assert.deepEqual(rig.calls.map(({ event }) => event.id).sort(), ['one', 'two', 'zero']);
    },
  },
  {
    name: 'takes events of one id and different sources for different events',
    needs: ['dedup'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      // Put together carelessly, these are the same text.
      const origins = [
        ['a', 'b:c'],
        ['a:b', 'c'],
        ['a', 'c'],
      ] as const;
      for (const [source, id] of origins) {
        assert.equal(duplicate(await bus.emitAsync('x', `${source} ${id}`, { source, id })), false);
      }
      await rig.until('all three', () => rig.calls.length === 3);
    },
  },
  {
    name: 'stores an event once that is published with a delay again',
    needs: ['dedup', 'delay'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      const delays = [200, 100, 0];
      const receipts: EmitReceipt[] = [];
      for (const delayMs of delays) receipts.push(await bus.emitAsync('x', delayMs, { id: 'one', delayMs }));
      assert.deepEqual(receipts.map(duplicate), [false, true, true]);
      await rig.until('the event', () => rig.calls.length > 0);
      await rig.settle(200);
      assert.deepEqual(
        rig.calls.map(({ data }) => data),
        [200],
      );
    },
  },
  {
    name: 'remembers over a restart what was published',
    needs: ['dedup', 'durable'],
    run: async (rig) => {
      const define = (bus: EventBus) => bus.on('x', rig.handler(), { id: 'h' });
      const first = await rig.start(define);
      await first.bus.emitAsync('x', 1, { id: 'one' });
      await rig.until('the event', () => rig.calls.length === 1);
      await first.bus.close();
      const second = await rig.start(define);
      assert.equal(duplicate(await second.bus.emitAsync('x', 2, { id: 'one' })), true);
      await rig.settle();
      assert.equal(rig.calls.length, 1);
    },
  },
  {
    name: 'does not take an event for a duplicate whose publish failed',
    needs: ['dedup', 'outage'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await bus.emitAsync('x', 0);
      await rig.until('the first event', () => rig.calls.length === 1);
      const recover = await rig.breakBroker();
      await assert.rejects(bus.emitAsync('x', 1, { id: 'one' }));
      await recover();
      const publish = () => bus.emitAsync('x', 1, { id: 'one' });
      const receipt = await rig.until('a publish to be confirmed', () => publish().catch(() => undefined));
      // It may have been stored by the publish that seemed to fail; either way it comes, and once.
      await rig.until('the event', () => rig.callsOf('h', 1).length > 0);
      await rig.settle();
      assert.equal(rig.callsOf('h', 1).length, 1, `the receipt was ${JSON.stringify(receipt)}`);
    },
  },
];

function duplicate(receipt: EmitReceipt): boolean {
  return receipt.duplicate === true;
}
