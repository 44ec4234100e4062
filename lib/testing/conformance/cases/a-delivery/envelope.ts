import assert from 'node:assert/strict';
import { encodeEvent } from '../../../../wire/cloud-events.js';
import { EventTooLargeError } from '../../../../errors.js';
import type { ConformanceCase, Rig } from '../../rig.js';
import { ODD_TEXTS, PAYLOADS } from '../samples.js';
import { assertNumbers, range } from '../support.js';

export const envelopeCases: readonly ConformanceCase[] = [
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
    name: 'leaves names, ids, keys and sources as they are, whatever characters they have',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('**', rig.handler(), { id: 'h' }));
      for (const text of ODD_TEXTS) {
        await bus.emitAsync(text, text, { id: `${rig.namespace} ${text}`, key: text, source: text });
      }
      await rig.until('all events', () => rig.calls.length >= ODD_TEXTS.length);
      for (const text of ODD_TEXTS) {
        const event = rig.calls.find(({ data }) => data === text)?.event;
        assert.ok(event, `The event with '${text}' did not arrive.`);
        const { id, type, key, source } = event;
        assert.deepEqual([id, type, key, source], [`${rig.namespace} ${text}`, text, text, text]);
      }
    },
  },
  {
    name: 'takes an event of the largest size, and refuses one with a byte more with an EventTooLargeError',
    needs: ['maxEventBytes'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('large', rig.handler(), { id: 'h' }));
      const largest = await largestText(rig, (data, options) => bus.emitAsync('large', data, options));
      rig.calls.length = 0;
      // Two bytes per character: a limit that counts characters would let twice as much pass.
      const wide = 'ü'.repeat(largest / 2) + 'x'.repeat(largest % 2);
      for (const data of ['x'.repeat(largest), wide]) {
        await bus.emitAsync('large', data, { id: eventId(rig, 1 + rig.calls.length) });
        await rig.until('the largest event', () => rig.callsOf('h', data).length === 1);
        await assert.rejects(bus.emitAsync('large', `${data}x`, { id: eventId(rig, 8) }), EventTooLargeError);
      }
      await rig.settle();
      assert.equal(rig.calls.length, 2, 'what was refused is not delivered');
    },
  },
  {
    name: 'refuses only the event of a batch that is too large',
    needs: ['maxEventBytes'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('large', rig.handler(), { id: 'h' }));
      const tooLarge = 'x'.repeat(rig.capabilities.maxEventBytes!);
      const payloads = range(5).map((i) => (i === 2 ? tooLarge : i));
      const results = await bus.emitBatch(payloads.map((data) => ({ type: 'large', data })));
      assert.deepEqual(
        results.map(({ status }) => status),
        range(5).map((i) => (i === 2 ? 'rejected' : 'fulfilled')),
      );
      assert.ok((results[2] as PromiseRejectedResult).reason instanceof EventTooLargeError);
      await rig.until('the other four', () => rig.calls.length === 4);
      assertNumbers(rig.calls, [0, 1, 3, 4]);
    },
  },
];

/** Always the same length, so that events differ in size by their data alone. */
function eventId(rig: Rig, n: number): string {
  return `${rig.namespace}-${n}`;
}

/** How many bytes of text the data of an event may have, measured by an event that has none. */
async function largestText(
  rig: Rig,
  emit: (data: string, options: { id: string }) => Promise<unknown>,
): Promise<number> {
  await emit('', { id: eventId(rig, 0) });
  await rig.until('the empty event', () => rig.calls.length === 1);
  return rig.capabilities.maxEventBytes! - Buffer.byteLength(encodeEvent(rig.calls[0]!.event));
}
