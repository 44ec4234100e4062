import assert from 'node:assert/strict';
import type { EventBus } from '../../../../event-bus.js';
import type { ConformanceCase } from '../../rig.js';
import { assertNumbers, range } from '../support.js';

export const serviceCases: readonly ConformanceCase[] = [
  {
    name: 'shares the events of one service between its instances, each event to one of them',
    needs: ['shared'],
    run: async (rig) => {
      const define = (bus: EventBus) => bus.on('work', rig.handler(), { id: 'h' });
      const one = await rig.start(define);
      const two = await rig.start(define);
      await Promise.all(range(100).map((i) => one.bus.emitAsync('work', i)));
      await rig.until('100 events', () => rig.calls.length >= 100);
      await rig.quiet(one, two);
      assertNumbers(rig.calls, range(100), 'the union is complete and nothing came twice');
    },
  },
  {
    name: 'loses and repeats nothing between many publishers, services and instances',
    needs: ['shared'],
    run: async (rig) => {
      const services = range(3).map((i) => `service-${i}`);
      const buses: EventBus[] = [];
      for (const service of services) {
        for (const _ of range(2)) {
          const define = (bus: EventBus) => {
            for (const id of range(3)) bus.on('many', rig.handler(), { id: `${service}/${id}` });
          };
          buses.push((await rig.start(define, service)).bus);
        }
      }
      const publishers = range(24).map(async (publisher) => {
        const bus = buses[publisher % buses.length]!;
        for (const i of range(25)) await bus.emitAsync('many', publisher * 25 + i);
      });
      await Promise.all(publishers);
      await rig.until('5,400 calls', () => rig.calls.length >= 600 * 9);
      await rig.settle();
      for (const service of services) {
        for (const id of range(3)) {
          assertNumbers(rig.callsOf(`${service}/${id}`), range(600), `${service}/${id}`);
        }
      }
    },
  },
  {
    name: 'does not lose the first event that another service publishes right after the start',
    needs: ['shared'],
    run: async (rig) => {
      const publisher = await rig.make('service-b');
      await rig.start((bus) => bus.on('first', rig.handler(), { id: 'h' }));
      await publisher.bus.emitAsync('first', 1);
      await rig.until('the first event', () => rig.calls.length === 1);
    },
  },
  {
    name: 'leaves to other instances what one is too busy for',
    needs: ['shared', 'concurrency'],
    run: async (rig) => {
      const gate = rig.gate();
      const total = 20 * rig.options.concurrency!;
      const define = (act?: () => unknown) => (bus: EventBus) =>
        bus.on('work', rig.handler(act), { id: 'h' });
      const busy = await rig.start(define(() => gate.passed));
      for (const i of range(total)) await busy.bus.emitAsync('work', i);
      await rig.until('the first to be busy', () => rig.calls.length >= rig.options.concurrency!);
      rig.calls.length = 0;
      await rig.start(define());
      // What an instance reads ahead it may keep, as long as that is little.
      await rig.until('the second to do half of the work', () => rig.calls.length >= total / 2);
      gate.open();
      await rig.until('the rest', () => rig.calls.length >= total - rig.options.concurrency!);
    },
  },
  {
    name: 'gives every service every event',
    needs: ['shared'],
    run: async (rig) => {
      const define = (id: string) => (bus: EventBus) => bus.on('news', rig.handler(), { id });
      const billing = await rig.start(define('billing'), 'billing');
      await rig.start(define('shipping'), 'shipping');
      for (const i of range(20)) await billing.bus.emitAsync('news', i);
      await rig.until('20 events in each service', () => rig.calls.length >= 40);
      await rig.settle();
      for (const id of ['billing', 'shipping']) assertNumbers(rig.callsOf(id), range(20), id);
    },
  },
  {
    name: 'retries in the service whose handler failed, and in no other',
    needs: ['shared'],
    run: async (rig) => {
      const failing = await rig.start(
        (bus) =>
          bus.on(
            'news',
            rig.handler(({ attempt }) => {
              if (attempt < 3) throw new Error('not yet');
            }),
            { id: 'failing' },
          ),
        'billing',
      );
      await rig.start((bus) => bus.on('news', rig.handler(), { id: 'healthy' }), 'shipping');
      await failing.bus.emitAsync('news', 1);
      await rig.until('the third try', () => rig.callsOf('failing').length === 3);
      await rig.until('the other service', () => rig.callsOf('healthy').length > 0);
      await rig.settle();
      assert.equal(rig.callsOf('healthy').length, 1);
    },
  },
  {
    name: 'calls broadcast handlers in every instance, plain ones in one',
    needs: ['broadcast', 'shared'],
    run: async (rig) => {
      const define = (instance: string) => (bus: EventBus) => {
        bus.on('cache.stale', rig.handler(), { id: 'plain' });
        bus.on(
          'cache.stale',
          rig.handler((call) => Object.assign(call, { handlerId: `drop in ${instance}` })),
          {
            id: 'drop',
            broadcast: true,
          },
        );
      };
      const { bus } = await rig.start(define('one'));
      await rig.start(define('two'));
      await bus.emitAsync('cache.stale', 1);
      await rig.until('three calls', () => rig.calls.length >= 3);
      await rig.settle();
      const called = rig.calls.map(({ handlerId }) => handlerId).sort();
      assert.deepEqual(called, ['drop in one', 'drop in two', 'plain']);
    },
  },
  {
    name: 'calls broadcast handlers of a single instance once',
    needs: ['broadcast'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        bus.on('cache.stale', rig.handler(), { id: 'plain' });
        bus.on('cache.stale', rig.handler(), { id: 'drop', broadcast: true });
      });
      for (const i of range(10)) await bus.emitAsync('cache.stale', i);
      await rig.until('20 calls', () => rig.calls.length >= 20);
      await rig.settle();
      for (const id of ['plain', 'drop']) assertNumbers(rig.callsOf(id), range(10), id);
    },
  },
];
