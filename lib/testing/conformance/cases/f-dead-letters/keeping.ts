import assert from 'node:assert/strict';
import { MemoryDeadLetterStore } from '../../../../dead-letters/memory-dead-letter-store.js';
import { createEvent } from '../../../../event.js';
import type { ConformanceCase } from '../../rig.js';
import { range } from '../support.js';
import { mending } from './mending.js';
import { UnreliableStore } from './unreliable-store.js';

/** Nothing is lost on the way into the dead letters, and nothing comes back that was given up. */
export const keepingCases: readonly ConformanceCase[] = [
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
    name: 'are purged by age once they are closed, and no others unless that is asked for',
    run: async (rig) => {
      const { bus } = await mending(rig);
      for (const i of range(3)) await bus.emitAsync('x', i);
      await rig.until('three entries', async () => (await bus.deadLetters.size()) === 3);
      const { entries } = await bus.deadLetters.list();
      await bus.deadLetters.discard(entries[0]!.id);
      const future = new Date(Date.now() + 60_000);
      assert.equal(await bus.deadLetters.purge(new Date(Date.now() - 60_000)), 0, 'nothing is that old');
      assert.equal(await bus.deadLetters.purge(future), 1);
      assert.equal(await bus.deadLetters.get(entries[0]!.id), undefined);
      assert.equal(await bus.deadLetters.size(), 2);
      assert.equal(await bus.deadLetters.purge(future, { status: 'dead' }), 2);
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'travel as lines of text to another service and are retried there',
    run: async (rig) => {
      const { bus } = await mending(rig);
      for (const i of range(2)) await bus.emitAsync('x', { n: i, text: 'ü\n' }, { key: 'k' });
      await rig.until('two entries', async () => (await bus.deadLetters.size()) === 2);
      const { entries } = await bus.deadLetters.list();
      const lines: string[] = [];
      for await (const line of bus.deadLetters.export()) lines.push(line);
      assert.equal((await bus.deadLetters.import(lines)).imported, 0, 'they are there already');
      await bus.deadLetters.drain();
      assert.deepEqual(await bus.deadLetters.import([...lines, 'no json']), {
        imported: 2,
        skipped: 0,
        refused: [{ line: 3, error: (await bus.deadLetters.import(['no json'])).refused[0]!.error }],
      });
      for (const { id, event, attempts, handlerId, fingerprint } of entries) {
        const read = await bus.deadLetters.get(id);
        assert.deepEqual(read?.event.toJSON(), event.toJSON());
        assert.deepEqual({ attempts, handlerId, fingerprint }, pick(read));
      }
    },
  },
  {
    name: 'are one entry for an event that comes twice, with the tries of both, and stay discarded',
    run: async (rig) => {
      const { bus, backend } = await mending(rig);
      const event = createEvent('x', 1, { source: 'service-a' });
      await backend.publish(event);
      const { id } = await rig.deadLetter(bus, 'broken');
      // Tries are told apart by their time.
      const nextMillisecond = () =>
        rig.until('the clock', () => performance.now() > rig.calls.at(-1)!.at + 2);
      await nextMillisecond();
      await backend.publish(event);
      await rig.deadLetter(bus, 'broken', ({ attempts }) => attempts.length === 4);
      await nextMillisecond();
      assert.equal(await bus.deadLetters.size(), 1);
      await bus.deadLetters.discard(id);
      await backend.publish(event);
      await rig.until('its tries', () => rig.callsOf('broken').length === 6);
      await rig.until('the third to be written', async () => {
        return (await bus.deadLetters.get(id))?.attempts.length === 6;
      });
      assert.equal((await bus.deadLetters.get(id))?.status, 'discarded');
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
      assert.equal(
        rig.callsOf('broken').length,
        2,
        'a handler is not run again because its dead letter waits',
      );
    },
  },
  {
    name: 'are one entry though their store fails after it has written',
    run: async (rig) => {
      const deadLetters = new UnreliableStore();
      const { bus } = await mending(rig, { deadLetters });
      deadLetters.confirms = false;
      await bus.emitAsync('x', 1);
      await rig.until('two writes', () => deadLetters.failures > 1);
      deadLetters.confirms = true;
      assert.equal((await rig.deadLetter(bus, 'broken')).attempts.length, 2);
      await rig.settle();
      assert.equal(await bus.deadLetters.size(), 1);
      assert.equal(rig.callsOf('broken').length, 2);
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
];

function pick(entry: { attempts: unknown; handlerId: unknown; fingerprint: unknown } | undefined): object {
  const { attempts, handlerId, fingerprint } = entry!;
  return { attempts, handlerId, fingerprint };
}
