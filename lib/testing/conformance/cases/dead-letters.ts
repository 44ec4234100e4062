import assert from 'node:assert/strict';
import { ALL_HANDLERS, type DeadLetter } from '../../../dead-letters/dead-letter.js';
import { MemoryDeadLetterStore } from '../../../dead-letters/memory-dead-letter-store.js';
import type { EventsModuleOptions } from '../../../events-options.js';
import type { ConformanceCase, Instance, Rig } from '../rig.js';
import { range } from './support.js';

export const deadLetterCases: readonly ConformanceCase[] = [
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
      }
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
    name: 'are retried by the handler that failed and no other, and are settled by a success',
    run: async (rig) => {
      const { bus, mend } = await mending(rig);
      await bus.emitAsync('x', 1);
      const entry = await rig.deadLetter(bus, 'broken');
      mend();
      assert.deepEqual(await bus.deadLetters.retry(entry.id), { count: 1, ids: [entry.id] });
      await rig.until(
        'the entry to be resolved',
        async () => (await bus.deadLetters.get(entry.id))?.status === 'resolved',
      );
      await rig.settle();
      assert.equal(rig.callsOf('broken').length, 3);
      assert.equal(rig.callsOf('healthy').length, 1);
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'come back under the same id with their whole history when a retry fails, too',
    run: async (rig) => {
      const { bus } = await mending(rig);
      await bus.emitAsync('x', 1);
      const entry = await rig.deadLetter(bus, 'broken');
      await bus.deadLetters.retry(entry.id);
      const again = await rig.deadLetter(
        bus,
        'broken',
        ({ attempts }) => attempts.length > entry.attempts.length,
      );
      assert.equal(again.id, entry.id);
      assert.equal(again.attempts.length, 4);
      assert.equal(await bus.deadLetters.size(), 1);
    },
  },
  {
    name: 'run once when several operators retry them at the same time',
    run: async (rig) => {
      const { bus, mend } = await mending(rig);
      for (const i of range(5)) await bus.emitAsync('x', i);
      await rig.until('five entries', async () => (await bus.deadLetters.size()) === 5);
      mend();
      rig.calls.length = 0;
      const results = await Promise.all(range(4).map(() => bus.deadLetters.retry({ type: 'x' })));
      assert.equal(
        results.reduce((sum, { count }) => sum + count, 0),
        5,
        'every entry was retried by one of the callers',
      );
      await rig.until('no entry to be open', async () => (await bus.deadLetters.size()) === 0);
      await rig.settle();
      assert.equal(rig.calls.length, 5);
    },
  },
  {
    name: 'are discarded with a reason, and are not retried any more',
    run: async (rig) => {
      const { bus } = await mending(rig);
      await bus.emitAsync('x', 1);
      const { id } = await rig.deadLetter(bus, 'broken');
      assert.equal((await bus.deadLetters.discard(id, 'a test order')).count, 1);
      assert.equal((await bus.deadLetters.discard(id)).count, 0);
      assert.equal((await bus.deadLetters.retry(id)).count, 0);
      assert.equal(await bus.deadLetters.size(), 0);
      const entry = await bus.deadLetters.get(id);
      assert.equal(entry?.status, 'discarded');
      assert.equal(entry.reason, 'a test order');
    },
  },
  {
    name: 'are handed over by drain() once',
    run: async (rig) => {
      const { bus } = await mending(rig);
      for (const i of range(3)) await bus.emitAsync('x', i);
      await rig.until('three entries', async () => (await bus.deadLetters.size()) === 3);
      const [one, two] = await Promise.all([bus.deadLetters.drain(), bus.deadLetters.drain()]);
      assert.equal(one.length + two.length, 3);
      assert.equal(await bus.deadLetters.size(), 0);
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
          ({ raw }) => raw !== undefined && (raw.includes(text) || unquoted(raw).includes(text)),
        );
        assert.equal(entry?.handlerId, ALL_HANDLERS, `an entry with '${text}'`);
      }
    },
  },
  {
    name: 'are written once their store works again',
    run: async (rig) => {
      const deadLetters = new UnreliableStore();
      const { bus } = await mending(rig, { deadLetters });
      deadLetters.works = false;
      await bus.emitAsync('x', 1);
      await rig.until('an attempt to write', () => deadLetters.failures > 0);
      deadLetters.works = true;
      assert.equal((await rig.deadLetter(bus, 'broken')).attempts.length, 2);
      await rig.settle();
      assert.equal(await bus.deadLetters.size(), 1);
    },
  },
  {
    name: 'do not let their event go before they are written, not even at shutdown',
    needs: ['durable'],
    run: async (rig) => {
      const unreliable = new UnreliableStore();
      unreliable.works = false;
      const first = await mending(rig, { deadLetters: unreliable, drainTimeoutMs: 50 });
      const { id } = await first.bus.emitAsync('x', 1);
      await rig.until('an attempt to write', () => unreliable.failures > 0);
      await first.bus.close();
      const second = await mending(rig, { deadLetters: new MemoryDeadLetterStore() });
      assert.equal((await rig.deadLetter(second.bus, 'broken')).event.id, id);
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
];

/** A service with a healthy handler, and one that fails until it is mended. */
async function mending(
  rig: Rig,
  options: EventsModuleOptions = {},
): Promise<Instance & { mend: () => void }> {
  let broken = true;
  const handler = rig.handler(() => {
    if (broken) throw new RangeError('broken');
  });
  const instance = await rig.start(
    (bus) => {
      bus.on('x', rig.handler(), { id: 'healthy' });
      const retry = { maxRetries: 1, initialBackoffMs: 10, backoffMultiplier: 1 };
      for (const type of ['x', 'y']) bus.on(type, handler, { id: 'broken', retry });
    },
    undefined,
    options,
  );
  return { ...instance, mend: () => (broken = false) };
}

/** A store that can be out of order. */
class UnreliableStore extends MemoryDeadLetterStore {
  works = true;
  failures = 0;

  override add(entries: readonly DeadLetter[]): Promise<void> {
    if (this.works) return super.add(entries);
    this.failures++;
    return Promise.reject(new Error('The store of dead letters does not work.'));
  }
}

/** A backend may keep what it read inside JSON text of its own. */
function unquoted(raw: string): string {
  return raw.replaceAll('\\"', '"');
}
