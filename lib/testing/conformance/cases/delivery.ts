import assert from 'node:assert/strict';
import { defineEvent } from '../../../schema/define-event.js';
import { createEvent } from '../../../event.js';
import type { ConformanceCase } from '../rig.js';
import { NAMES, PATTERNS, PAYLOADS } from './samples.js';
import { nonEmpty, numbersOf, range } from './support.js';

export const deliveryCases: readonly ConformanceCase[] = [
  {
    name: 'brings a hundred events to their handler with every part of the envelope',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('order.placed', rig.handler(), { id: 'h' }));
      const sent = Array.from({ length: 100 }, (_, i) => ({
        data: { orderId: `order-${i}`, lines: [{ sku: 'a', quantity: i }] },
        options: {
          id: `${rig.namespace}-${i}`,
          key: `customer-${i % 7}`,
          correlationId: `flow-${i}`,
          causationId: `cause-${i}`,
          source: 'shop',
          version: 1 + (i % 3),
          metadata: {
            userId: `u${i}`,
            tenantId: 't',
            requestId: 'r',
            traceId: 'tr',
            custom: { deep: [i, '✓'] },
          },
        },
      }));
      const before = Date.now();
      for (const { data, options } of sent) await bus.emitAsync('order.placed', data, options);
      const after = Date.now();
      await rig.until('100 events', () => rig.calls.length >= 100);
      await rig.settle();
      assert.equal(rig.calls.length, 100, 'every event is handled once');
      const byId = new Map(rig.calls.map(({ event }) => [event.id, event]));
      for (const { data, options } of sent) {
        const event = byId.get(options.id);
        assert.ok(event, `Event ${options.id} did not arrive.`);
        const { createdAt, ...rest } = event.toJSON();
        assert.deepEqual(rest, { type: 'order.placed', data, ...options });
        assert.ok(
          Date.parse(createdAt) >= before && Date.parse(createdAt) <= after,
          `createdAt is ${createdAt}`,
        );
      }
    },
  },
  {
    name: 'leaves payloads as they are, whatever they are',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('payload', rig.handler(), { id: 'h' }));
      for (const [name, data] of PAYLOADS) await bus.emitAsync('payload', data, { key: name });
      await rig.until('all payloads', () => rig.calls.length >= PAYLOADS.length);
      for (const [name, data] of PAYLOADS) {
        const call = rig.calls.find(({ event }) => event.key === name);
        assert.ok(call, `The payload '${name}' did not arrive.`);
        assert.deepEqual(call.data, data, `The payload '${name}' changed.`);
      }
    },
  },
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
      assert.deepEqual(numbersOf(rig.calls), range(20));
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
    name: 'keeps events of different names apart, also when they share ids',
    run: async (rig) => {
      const topics = range(20).map((i) => `topic-${i}.happened`);
      const { bus } = await rig.start((bus) => {
        for (const topic of topics) bus.on(topic, rig.handler(), { id: topic });
      });
      for (const i of range(10)) {
        for (const topic of topics)
          await bus.emitAsync(topic, `${topic}/${i}`, { id: `${rig.namespace}-${i}` });
      }
      await rig.until('200 events', () => rig.calls.length >= 200);
      await rig.settle();
      assert.equal(rig.calls.length, 200);
      for (const { handlerId, event } of rig.calls) assert.equal(event.type, handlerId);
      assert.equal(new Set(rig.calls.map(({ data }) => data)).size, 200);
    },
  },
  {
    name: 'matches patterns exactly, and calls each handler once per event',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        for (const [pattern] of PATTERNS) bus.on(pattern, rig.handler(), { id: pattern });
      });
      for (const name of NAMES) await bus.emitAsync(name, name);
      const expected = PATTERNS.flatMap(([pattern, names]) => names.map((name) => `${pattern} ← ${name}`));
      await rig.until('all matching handlers', () => rig.calls.length >= expected.length);
      await rig.settle();
      const called = rig.calls.map(({ handlerId, event }) => `${handlerId} ← ${event.type}`);
      assert.deepEqual(called.sort(), expected.sort());
    },
  },
  {
    name: 'gives every handler of an event the event once',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        for (const id of ['a', 'b', 'c']) bus.on('fan.out', rig.handler(), { id });
      });
      for (const i of range(20)) await bus.emitAsync('fan.out', i);
      await rig.until('60 calls', () => rig.calls.length >= 60);
      await rig.settle();
      for (const id of ['a', 'b', 'c']) {
        assert.deepEqual(numbersOf(rig.callsOf(id)), range(20), `handler ${id}`);
      }
    },
  },
  {
    name: 'accepts events that nobody handles, and goes on',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('wanted', rig.handler(), { id: 'h' }));
      for (const i of range(10)) await bus.emitAsync('unwanted', i);
      await bus.emitAsync('wanted', 1);
      await rig.until('the wanted event', () => rig.calls.length === 1);
      assert.equal(await bus.deadLetters.size(), 0);
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
      assert.deepEqual(numbersOf(rig.calls), range(800));
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
    name: 'links what a handler emits to the event that caused it',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        bus.on(
          'cause',
          rig.handler((_, context) => context.bus.emitAsync('effect', 1)),
          { id: 'cause' },
        );
        bus.on('effect', rig.handler(), { id: 'effect' });
      });
      const { id } = await bus.emitAsync('cause', 1, { metadata: { tenantId: 't1' } });
      const [effect] = await rig.until('the effect', () => nonEmpty(rig.callsOf('effect')));
      assert.equal(effect.event.correlationId, id);
      assert.equal(effect.event.causationId, id);
      assert.deepEqual(effect.event.metadata, { tenantId: 't1' });
    },
  },
  {
    name: 'never hands an event to an older definition than its version: it becomes a dead letter',
    run: async (rig) => {
      const definition = defineEvent('account.opened', { version: 1 });
      const { bus, backend } = await rig.start((bus) => bus.on(definition, rig.handler(), { id: 'h' }));
      const newer = createEvent('account.opened', { iban: 'x' }, { version: 2, source: 'service-a' });
      await backend.publish(newer);
      const entry = await rig.until('the dead letter', async () => (await bus.deadLetters.list()).entries[0]);
      assert.equal(entry.event.id, newer.id);
      assert.match(entry.attempts.at(-1)!.error.message, /version 2/);
      assert.equal(rig.calls.length, 0);
    },
  },
];
