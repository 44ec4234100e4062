import assert from 'node:assert/strict';
import { ALL_HANDLERS } from '../../../../dead-letters/dead-letter.js';
import { decodeEvent } from '../../../../wire/cloud-events.js';
import type { ConformanceCase } from '../../rig.js';
import { range } from '../support.js';
import { mending } from './mending.js';

export const entryCases: readonly ConformanceCase[] = [
  {
    name: 'keep everything needed to find out why and to try again',
    run: async (rig) => {
      const { bus } = await mending(rig);
      const before = Date.now();
      const { id } = await bus.emitAsync('x', { n: [1, 'ü'] }, { key: 'k', metadata: { tenantId: 't' } });
      const entry = await rig.deadLetter(bus, 'broken');
      assert.equal(entry.event.id, id);
      assert.equal(entry.event.type, 'x');
      assert.deepEqual(entry.event.data, { n: [1, 'ü'] });
      assert.equal(entry.event.key, 'k');
      assert.deepEqual(entry.event.metadata, { tenantId: 't' });
      assert.equal(entry.status, 'dead');
      assert.notEqual(entry.handlerId, ALL_HANDLERS);
      assert.ok(entry.failedAt.getTime() >= before && entry.failedAt.getTime() <= Date.now());
      assert.equal(entry.attempts.length, 2);
      for (const { at, durationMs, error } of entry.attempts) {
        assert.ok(at >= before && durationMs >= 0);
        assert.equal(error.name, 'RangeError');
        assert.equal(error.message, 'broken');
        assert.match(error.stack!, /RangeError: broken/);
        assert.equal(error.cause?.message, 'the cause');
        assert.equal(error.cause.cause?.code, 'ECAUSE');
      }
      assert.match(entry.fingerprint, /./);
      // The broker may tell the time of the change by its own clock.
      assert.ok(Math.abs(entry.changedAt.getTime() - entry.failedAt.getTime()) < rig.toleranceMs);
      assert.deepEqual(await bus.deadLetters.get(entry.id), entry);
    },
  },
  {
    name: 'are listed by filters, page by page, oldest first',
    run: async (rig) => {
      const { bus } = await mending(rig);
      for (const i of range(5)) {
        await bus.emitAsync(i % 2 === 0 ? 'x' : 'y', `number ${i}`);
        await rig.until(`entry ${i + 1}`, async () => (await bus.deadLetters.size()) === i + 1);
      }
      const data = async (query: object) =>
        (await bus.deadLetters.list(query)).entries.map(({ event }) => event.data);
      assert.deepEqual(
        await data({}),
        range(5).map((i) => `number ${i}`),
      );
      assert.deepEqual(await data({ type: 'y' }), ['number 1', 'number 3']);
      assert.deepEqual(await data({ handlerId: 'nobody' }), []);
      assert.deepEqual(await data({ text: 'NUMBER 4' }), ['number 4']);
      assert.deepEqual(await data({ since: new Date(Date.now() + 60_000) }), []);
      const pages: unknown[][] = [];
      let cursor: string | undefined;
      do {
        const page = await bus.deadLetters.list({ limit: 2, cursor });
        pages.push(page.entries.map(({ event }) => event.data));
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.deepEqual(pages, [['number 0', 'number 1'], ['number 2', 'number 3'], ['number 4']]);
    },
  },
  {
    name: 'are found by kind of failure, time and status, and counted by kind',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        const fail = rig.handler(({ data }) => {
          throw data === 'odd'
            ? new TypeError('odd')
            : new RangeError(`order ${String(data)} has 'no' stock`);
        });
        bus.on('x', fail, { id: 'h', retry: false });
      });
      for (const data of [1, 22, 'odd']) await bus.emitAsync('x', data);
      await rig.until('three entries', async () => (await bus.deadLetters.size()) === 3);
      const groups = await bus.deadLetters.groups();
      assert.deepEqual(
        groups.map(({ count, handlerId, types, error }) => ({ count, handlerId, types, name: error.name })),
        [
          { count: 2, handlerId: 'h', types: ['x'], name: 'RangeError' },
          { count: 1, handlerId: 'h', types: ['x'], name: 'TypeError' },
        ],
      );
      const { fingerprint } = groups[0]!;
      // Those of one millisecond may come in any order.
      const found = async (query: object) =>
        new Set((await bus.deadLetters.list(query)).entries.map(({ event }) => event.data));
      assert.deepEqual(await found({ fingerprint }), new Set([1, 22]));
      assert.deepEqual(await found({ until: new Date(Date.now() - 60_000) }), new Set());
      assert.deepEqual(await found({ status: 'discarded' }), new Set());
      await bus.deadLetters.discard({ fingerprint });
      assert.deepEqual(await found({}), new Set(['odd']));
      assert.deepEqual(await found({ status: ['dead', 'discarded'] }), new Set([1, 22, 'odd']));
    },
  },
  {
    name: 'hold messages that cannot be read, with what they said, and do not stop the next one',
    needs: ['corrupt'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('readable', rig.handler(), { id: 'h' }));
      const garbage = ['not json', '[]', '{"type":"no id"}'];
      for (const text of garbage) await rig.options.corrupt!(rig.context(), text);
      await bus.emitAsync('readable', 1);
      await rig.until('the readable event', () => rig.calls.length === 1);
      await rig.until('three entries', async () => (await bus.deadLetters.size()) === garbage.length);
      const { entries } = await bus.deadLetters.list();
      for (const text of garbage) {
        const entry = entries.find(
          ({ raw }) => raw !== undefined && (raw.body.includes(text) || unquoted(raw.body).includes(text)),
        );
        assert.equal(entry?.handlerId, ALL_HANDLERS, `an entry with '${text}'`);
      }
    },
  },
  {
    name: 'hold what the broker held, where they hold it, and it is the event',
    run: async (rig) => {
      const { bus } = await mending(rig);
      const { id } = await bus.emitAsync('x', { n: [1, 'ü'] }, { key: 'k', metadata: { tenantId: 't' } });
      const { raw, event } = await rig.deadLetter(bus, 'broken');
      // A backend in memory holds nothing but the event itself.
      if (raw === undefined)
        return assert.notEqual(rig.capabilities.durable, true, 'there is no raw message');
      assert.equal(raw.encoding, 'utf8');
      assert.ok(raw.body.includes(id));
      if (raw.body.startsWith('{"specversion"'))
        assert.deepEqual(decodeEvent(raw.body).toJSON(), event.toJSON());
    },
  },
  {
    name: 'outlive the process',
    needs: ['durable'],
    run: async (rig) => {
      const first = await mending(rig);
      const { id } = await first.bus.emitAsync('x', 1);
      await rig.deadLetter(first.bus, 'broken');
      await first.bus.close();
      const second = await mending(rig);
      second.mend();
      const entry = await rig.deadLetter(second.bus, 'broken');
      assert.equal(entry.event.id, id);
      await second.bus.deadLetters.retry(entry.id);
      await rig.until('the retry', async () => (await second.bus.deadLetters.size()) === 0);
    },
  },
  {
    name: 'are handed over by drain once',
    run: async (rig) => {
      const { bus } = await mending(rig);
      for (const i of range(3)) await bus.emitAsync('x', i);
      await rig.until('three entries', async () => (await bus.deadLetters.size()) === 3);
      const [one, two] = await Promise.all([bus.deadLetters.drain(), bus.deadLetters.drain()]);
      assert.equal(one.length + two.length, 3);
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
];

/** A backend may keep what it read inside JSON text of its own. */
function unquoted(raw: string): string {
  return raw.replaceAll('\\"', '"');
}
