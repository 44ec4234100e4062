import assert from 'node:assert/strict';
import { defineEvent } from '../../../../schema/define-event.js';
import { createEvent } from '../../../../event.js';
import type { ConformanceCase } from '../../rig.js';
import { NAMES, PATTERNS } from '../samples.js';
import { assertNumbers, nonEmpty, range } from '../support.js';

export const handlerCases: readonly ConformanceCase[] = [
  {
    name: 'keeps events of different names apart, also when they share ids, each of its own source',
    run: async (rig) => {
      const topics = range(20).map((i) => `topic-${i}.happened`);
      const { bus } = await rig.start((bus) => {
        for (const topic of topics) bus.on(topic, rig.handler(), { id: topic });
      });
      for (const i of range(10)) {
        for (const topic of topics)
          await bus.emitAsync(topic, `${topic}/${i}`, { id: `${rig.namespace}-${i}`, source: topic });
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
        assertNumbers(rig.callsOf(id), range(20), `handler ${id}`);
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
