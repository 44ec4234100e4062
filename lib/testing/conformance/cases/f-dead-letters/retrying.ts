import assert from 'node:assert/strict';
import type { HandlerContext } from '../../../../handlers/handler.js';
import type { ConformanceCase } from '../../rig.js';
import { assertNumbers, range } from '../support.js';
import { mending } from './mending.js';

export const retryingCases: readonly ConformanceCase[] = [
  {
    name: 'are retried by the handler that failed and no other, and are settled by a success',
    run: async (rig) => {
      const { bus, mend } = await mending(rig);
      await bus.emitAsync('x', 1);
      const entry = await rig.deadLetter(bus, 'broken');
      mend();
      assert.deepEqual((await bus.deadLetters.retry(entry.id)).ids, [entry.id]);
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
    name: 'are chosen for a retry by a filter, shown beforehand by a dry run',
    run: async (rig) => {
      const { bus, mend } = await mending(rig);
      for (const i of range(4)) await bus.emitAsync(i % 2 === 0 ? 'x' : 'y', i);
      await rig.until('four entries', async () => (await bus.deadLetters.size()) === 4);
      mend();
      rig.calls.length = 0;
      const shown = await bus.deadLetters.retry({ type: 'y' }, { dryRun: true });
      assert.equal(shown.count, 2);
      await rig.settle();
      assert.equal(rig.calls.length, 0, 'a dry run retries nothing');
      const { ids, failed } = await bus.deadLetters.retry({ type: 'y' });
      assert.deepEqual([ids.toSorted(), failed], [shown.ids.toSorted(), []]);
      await rig.until('both retries', async () => (await bus.deadLetters.size()) === 2);
      assertNumbers(rig.calls, [1, 3]);
    },
  },
  {
    name: 'are retried with other data under the same id, and keep what the event was',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        const refuse = rig.handler(({ data }) => {
          if (data !== 'mended') throw new RangeError('broken');
        });
        bus.on('x', rig.handler(), { id: 'healthy' });
        bus.on('x', refuse, { id: 'broken', retry: false });
      });
      const { id } = await bus.emitAsync('x', 'spoilt', { key: 'k' });
      const entry = await rig.deadLetter(bus, 'broken');
      assert.equal((await bus.deadLetters.editAndRetry(entry.id, 'mended')).count, 1);
      const resolved = await rig.until('the entry to be resolved', async () => {
        const now = await bus.deadLetters.get(entry.id);
        return now?.status === 'resolved' && now;
      });
      assert.deepEqual([resolved.event.id, resolved.event.data, resolved.event.key], [id, 'mended', 'k']);
      assert.match(resolved.raw!.body, /spoilt/);
      await rig.settle();
      assert.deepEqual(rig.calls.map(({ handlerId, data }) => `${handlerId} ${String(data)}`).sort(), [
        'broken mended',
        'broken spoilt',
        'healthy spoilt',
      ]);
    },
  },
  {
    name: 'are retried until all of them are resolved',
    run: async (rig) => {
      let failuresLeft = 3;
      const { bus } = await rig.start((bus) => {
        const act = rig.handler(() => {
          if (failuresLeft-- > 0) throw new RangeError('broken');
        });
        bus.on('x', act, { id: 'h', retry: false });
      });
      for (const i of range(3)) await bus.emitAsync('x', i);
      await rig.until('three entries', async () => (await bus.deadLetters.size()) === 3);
      failuresLeft = 1;
      const { resolved, dead, rounds } = await bus.deadLetters.retryFailed({ initialBackoffMs: 10 });
      assert.deepEqual({ resolved, dead, rounds }, { resolved: 3, dead: 0, rounds: 2 });
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'are neither lost nor doubled when one is retried again while it is being retried',
    run: async (rig) => {
      const gate = rig.gate();
      let first = true;
      const { bus } = await rig.start((bus) => {
        const act = rig.handler(async () => {
          if (!first) await gate.passed;
          first = false;
          throw new RangeError('broken');
        });
        bus.on('x', act, { id: 'h', retry: false });
      });
      await bus.emitAsync('x', 1);
      const { id } = await rig.deadLetter(bus, 'h');
      await bus.deadLetters.retry(id);
      await rig.until('the retry to run', () => rig.calls.length === 2);
      const { deadLetters } = bus;
      assert.equal((await deadLetters.retry(id)).count, 0);
      assert.equal((await deadLetters.discard(id)).count, 0);
      assert.equal(
        await deadLetters.purge(new Date(Date.now() + 60_000), { status: ['dead', 'retrying'] }),
        0,
      );
      assert.equal(await deadLetters.size(), 1);
      gate.open();
      const again = await rig.deadLetter(bus, 'h', ({ attempts }) => attempts.length === 2);
      assert.equal(again.id, id);
      await rig.settle();
      assert.equal(rig.calls.length, 2);
    },
  },
  {
    name: 'that are being retried come to their end though the process is closed meanwhile',
    needs: ['durable'],
    run: async (rig) => {
      const act = (_: unknown, { signal }: HandlerContext) => {
        if (rig.calls.length === 1) throw new RangeError('broken');
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      };
      const first = await rig.start(
        (bus) => bus.on('x', rig.handler(act), { id: 'h', retry: false }),
        undefined,
        { drainTimeoutMs: 50 },
      );
      await first.bus.emitAsync('x', 1);
      const { id } = await rig.deadLetter(first.bus, 'h');
      await first.bus.deadLetters.retry(id);
      await rig.until('the retry to run', () => rig.calls.length === 2);
      await first.bus.close();
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h', retry: false }));
      await rig.untilTakenOver(
        'the entry to be resolved',
        async () => (await bus.deadLetters.get(id))?.status === 'resolved',
      );
    },
  },
];
