import assert from 'node:assert/strict';
import { EventPublishError } from '../../../../errors.js';
import type { EventBus } from '../../../../event-bus.js';
import type { ConformanceCase } from '../../rig.js';
import { assertNumbers, distinct, numbersOf, range } from '../support.js';

export const publishingCases: readonly ConformanceCase[] = [
  {
    name: 'delivers what was published before anybody subscribed',
    needs: ['retains'],
    run: async (rig) => {
      const { bus } = await rig.make();
      bus.on('early', rig.handler(), { id: 'h' });
      for (let i = 0; i < 20; i++) await bus.emitAsync('early', i);
      assert.equal(rig.calls.length, 0, 'nothing is handled before start()');
      await bus.start();
      await rig.until('20 events', () => rig.calls.length === 20);
      assertNumbers(rig.calls, range(20));
    },
  },
  {
    name: 'does not lose the first event after the start',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('first', rig.handler(), { id: 'h' }));
      await bus.emitAsync('first', 1);
      await rig.until('the first event', () => rig.calls.length === 1);
    },
  },
  {
    name: 'loses and repeats nothing of many publishers at once',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('many', rig.handler(), { id: 'h' }));
      const publishers = range(20).map(async (publisher) => {
        for (const i of range(40)) await bus.emitAsync('many', publisher * 40 + i);
      });
      await Promise.all(publishers);
      await rig.until('800 events', () => rig.calls.length >= 800);
      await rig.settle();
      assertNumbers(rig.calls, range(800));
    },
  },
  {
    name: 'tells which events of a batch were refused, and delivers the others',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('batch', rig.handler(), { id: 'h' }));
      const types = range(20).map((i) => (i === 7 ? 'not.a.name.*' : 'batch'));
      const results = await bus.emitBatch(types.map((type, i) => ({ type, data: i })));
      assert.deepEqual(
        results.map(({ status }) => status),
        range(20).map((i) => (i === 7 ? 'rejected' : 'fulfilled')),
      );
      await rig.until('19 events', () => rig.calls.length === 19);
      assert.deepEqual(
        numbersOf(rig.calls),
        range(20).filter((i) => i !== 7),
      );
    },
  },
  {
    name: 'delivers to a service what was published while none of its instances was up',
    needs: ['durable', 'shared'],
    run: async (rig) => {
      const define = (bus: EventBus) => bus.on('x', rig.handler(), { id: 'h' });
      const first = await rig.start(define);
      const publisher = await rig.make('service-b');
      await first.bus.close();
      for (const i of range(20)) await publisher.bus.emitAsync('x', i);
      await rig.start(define);
      await rig.until('20 events', () => rig.calls.length >= 20);
      assertNumbers(rig.calls, range(20));
    },
  },
  {
    name: 'has the event when its publish resolves, though the process is killed at that moment',
    needs: ['fork', 'durable'],
    run: async (rig) => {
      const publisher = await rig.fork('publish');
      await publisher.publishAndDie(range(50));
      await rig.start((bus) => bus.on('work', rig.handler(), { id: 'h' }));
      await rig.until('all 50 events', () => distinct(rig.calls) >= 50);
      assertNumbers(rig.calls, range(50));
    },
  },
  {
    name: 'rejects what the broker did not confirm, alone or in a batch, and delivers again when it is back',
    needs: ['outage'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await bus.emitAsync('x', 0);
      await rig.until('the first event', () => rig.calls.length === 1);
      const recover = await rig.breakBroker();
      const rejections = [
        ...(await Promise.allSettled([bus.emitAsync('x', -1), bus.emitAsync('x', -2)])),
        ...(await bus.emitBatch([-3, -4].map((data) => ({ type: 'x', data })))),
      ];
      for (const result of rejections) {
        assert.equal(result.status, 'rejected', 'a publish without a broker resolved');
        assert.ok(result.reason instanceof EventPublishError, `it rejected with ${String(result.reason)}`);
      }
      await recover();
      const publish = () =>
        bus.emitAsync('x', 1).then(
          () => true,
          () => false,
        );
      await rig.until('a publish to be confirmed again', publish);
      await rig.until('the event after the outage', async () => {
        // What is kept for nobody may be confirmed before the subscriber is back.
        if (!rig.capabilities.retains) await publish();
        return rig.callsOf('h', 1).length > 0;
      });
    },
  },
];
