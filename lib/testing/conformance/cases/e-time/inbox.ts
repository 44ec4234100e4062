import assert from 'node:assert/strict';
import { createEvent, type Event } from '../../../../event.js';
import type { EventBus } from '../../../../event-bus.js';
import { MemoryInbox } from '../../../../inbox/memory-inbox.js';
import type { ConformanceCase, Rig } from '../../rig.js';
import { assertNumbers, range } from '../support.js';

/** Events that are delivered more than once, to a service with an inbox. */
export const deliveredTwiceCases: readonly ConformanceCase[] = [
  {
    name: 'has one effect, with an inbox, of an event that comes again later',
    run: async (rig) => {
      const { bus, backend } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }), undefined, {
        inbox: new MemoryInbox(),
      });
      const event = someEvent(rig, 0);
      await backend.publish(event);
      await rig.until('the first delivery', () => rig.calls.length === 1);
      await backend.publish(event);
      await bus.emitAsync('x', 1);
      await rig.until('another event', () => rig.callsOf('h', 1).length === 1);
      await rig.settle();
      assertNumbers(rig.calls, [0, 1]);
    },
  },
  {
    name: 'has one effect, with an inbox, of an event that comes several times at once',
    run: async (rig) => {
      const inbox = new MemoryInbox();
      const define = (bus: EventBus) =>
        bus.on(
          'x',
          rig.handler(() => rig.settle(20)),
          { id: 'h' },
        );
      const { bus, backend } = await rig.start(define, undefined, { inbox });
      if (rig.capabilities.shared) await rig.start(define, undefined, { inbox });
      const events = range(5).map((i) => someEvent(rig, i));
      await Promise.all(range(4).flatMap(() => events.map((event) => backend.publish(event))));
      await rig.until('all five', () => rig.calls.length >= 5);
      await bus.emitAsync('x', 5);
      await rig.until('another event', () => rig.callsOf('h', 5).length === 1);
      await rig.settle();
      assertNumbers(rig.calls, range(6));
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'has one effect, with an inbox, of an event that is in a batch twice',
    run: async (rig) => {
      const { bus, backend } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }), undefined, {
        inbox: new MemoryInbox(),
      });
      const entries = [0, 0, 1, 0].map((i) => ({ event: someEvent(rig, i) }));
      if (backend.publishBatch !== undefined) await backend.publishBatch(entries);
      else await Promise.all(entries.map(({ event }) => backend.publish(event)));
      await rig.until('both events', () => rig.calls.length >= 2);
      await rig.settle();
      assertNumbers(rig.calls, [0, 1]);
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'runs a handler again, with an inbox, whose first try failed, and no other',
    run: async (rig) => {
      const act = ({ attempt }: { attempt: number }) => {
        if (attempt < 3) throw new Error('not yet');
      };
      const define = (bus: EventBus) => {
        bus.on('x', rig.handler(), { id: 'healthy' });
        bus.on('x', rig.handler(act), { id: 'failing' });
      };
      const { backend } = await rig.start(define, undefined, { inbox: new MemoryInbox() });
      const event = someEvent(rig, 0);
      await backend.publish(event);
      await rig.until('the success', () => rig.callsOf('failing').length === 3);
      await backend.publish(event);
      await rig.settle();
      assert.equal(rig.callsOf('failing').length, 3);
      assert.equal(rig.callsOf('healthy').length, 1);
    },
  },
];

/** The same event for the same number: what a backend is given twice, it delivers twice. */
function someEvent(rig: Rig, n: number): Event {
  return createEvent('x', n, { id: `${rig.namespace}-${n}`, source: 'service-a' });
}
