import assert from 'node:assert/strict';
import { CheckpointLostError } from '../../../errors.js';
import type { CheckpointLease } from '../../../store/checkpoint-store.js';
import { failure, type StoreCase } from '../rig.js';

const HOUR = 3_600_000;
const SHORT_MS = 100;

async function assertLost(lease: CheckpointLease, position: string): Promise<void> {
  const steps: [string, () => Promise<void>][] = [
    ['save', () => lease.save({ position })],
    ['renew', () => lease.renew()],
  ];
  for (const [name, step] of steps) {
    const error = await failure(name, step);
    assert.ok(error instanceof CheckpointLostError, `${name}: ${String(error)}`);
    assert.equal(error.checkpoint, lease.name);
  }
}

/** A checkpoint has one holder at a time, and what another one saves counts for nothing. */
export const checkpointCases: readonly StoreCase[] = [
  {
    name: 'keeps what was saved last, for whoever takes the checkpoint next',
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      const first = await checkpoints.acquire('orders', HOUR);
      assert.deepEqual(first!.checkpoint, {});
      await first!.save({ position: 'a' });
      await first!.save({ position: 'b', data: { done: 3, odd: 'x\u0000y' } });
      assert.deepEqual(await checkpoints.read('orders'), {
        position: 'b',
        data: { done: 3, odd: 'x\u0000y' },
      });
      await first!.release();
      const second = await checkpoints.acquire('orders', HOUR);
      assert.deepEqual(second!.checkpoint, { position: 'b', data: { done: 3, odd: 'x\u0000y' } });
      await second!.save({ data: 1 });
      assert.deepEqual(await checkpoints.read('orders'), { data: 1 });
    },
  },
  {
    name: 'gives a checkpoint to one of many who ask at once',
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      for (const name of ['a', 'b', 'c']) {
        const leases = await Promise.all(Array.from({ length: 10 }, () => checkpoints.acquire(name, HOUR)));
        assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
      }
    },
  },
  {
    name: 'gives a checkpoint to one of many who ask at once in several stores',
    needs: ['shared'],
    run: async (rig) => {
      const stores = [await rig.store(), await rig.store(), await rig.store()];
      const leases = await Promise.all(
        Array.from({ length: 12 }, (_, i) => stores[i % 3]!.checkpoints.acquire('one', HOUR)),
      );
      assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
    },
  },
  {
    name: 'gives it to another one when the lease is over, and refuses the first one from then on',
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      const first = await checkpoints.acquire('orders', SHORT_MS);
      await first!.save({ position: 'a' });
      let second: CheckpointLease | undefined;
      await rig.until('the lease to end', async () => {
        second = await checkpoints.acquire('orders', HOUR);
        return second !== undefined;
      });
      assert.deepEqual(second!.checkpoint, { position: 'a' });
      await assertLost(first!, 'stale');
      await first!.release();
      assert.equal(await checkpoints.acquire('orders', HOUR), undefined);
      await second!.save({ position: 'b' });
      assert.deepEqual(await checkpoints.read('orders'), { position: 'b' });
    },
  },
  {
    name: 'keeps it for who saves or renews in time',
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      const leaseMs = 1000;
      const lease = await checkpoints.acquire('orders', leaseMs);
      const until = performance.now() + 2 * leaseMs;
      for (let i = 0; performance.now() < until; i++) {
        await (i % 2 === 0 ? lease!.renew() : lease!.save({ position: String(i) }));
        assert.equal(await checkpoints.acquire('orders', HOUR), undefined);
        await new Promise((resolve) => setTimeout(resolve, leaseMs / 20));
      }
    },
  },
  {
    name: 'gives up a checkpoint once, however often it is released',
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      const first = await checkpoints.acquire('orders', HOUR);
      await first!.release();
      await first!.release();
      assert.ok(await checkpoints.acquire('orders', HOUR));
      await first!.release();
      assert.equal(await checkpoints.acquire('orders', HOUR), undefined);
      await assertLost(first!, 'released');
    },
  },
  {
    name: 'forgets a checkpoint, and tells who holds it',
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      const lease = await checkpoints.acquire('orders', HOUR);
      await lease!.save({ position: 'a' });
      await checkpoints.remove('orders');
      await checkpoints.remove('nothing');
      await assertLost(lease!, 'removed');
      assert.equal(await checkpoints.read('orders'), undefined);
      assert.deepEqual((await checkpoints.acquire('orders', HOUR))!.checkpoint, {});
    },
  },
  {
    name: 'lists what was saved, by name',
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      const names = ['replay:b', 'replay:a', 'replay_a', 'orders', 'replay%'];
      for (const name of names) {
        const lease = await checkpoints.acquire(name, HOUR);
        await lease!.save({ position: `at ${name}` });
        if (name !== 'orders') await lease!.release();
      }
      await checkpoints.acquire('never saved', HOUR);
      const before = Date.now();
      const list = await checkpoints.list();
      assert.deepEqual(
        list.map(({ name, position, held }) => [name, position, held]),
        [...names].sort().map((name) => [name, `at ${name}`, name === 'orders']),
      );
      for (const { savedAt } of list) assert.ok(Math.abs(savedAt.getTime() - before) < HOUR);
      assert.deepEqual(
        (await checkpoints.list('replay:')).map(({ name }) => name),
        ['replay:a', 'replay:b'],
      );
      assert.deepEqual(
        (await checkpoints.list('replay%')).map(({ name }) => name),
        ['replay%'],
      );
      assert.equal(await checkpoints.read('never saved'), undefined);
    },
  },
  {
    name: 'saves in the transaction of the caller, with what else is written there',
    needs: ['transact'],
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      const lease = await checkpoints.acquire('orders', HOUR);
      await lease!.save({ position: 'a' });
      const first = await rig.transact();
      await lease!.save({ position: 'b' }, first.client);
      await first.rollback();
      assert.deepEqual(await checkpoints.read('orders'), { position: 'a' });
      const second = await rig.transact();
      await lease!.save({ position: 'c' }, second.client);
      await second.commit();
      assert.deepEqual(await checkpoints.read('orders'), { position: 'c' });
    },
  },
  {
    name: 'refuses to save in a transaction when another one has the checkpoint',
    needs: ['transact'],
    run: async (rig) => {
      const { checkpoints } = await rig.store();
      const first = await checkpoints.acquire('orders', SHORT_MS);
      await rig.until(
        'the lease to end',
        async () => (await checkpoints.acquire('orders', HOUR)) !== undefined,
      );
      const { client, rollback } = await rig.transact();
      const error = await failure('The save', () => first!.save({ position: 'stale' }, client));
      assert.ok(error instanceof CheckpointLostError, String(error));
      await rollback();
      assert.equal(await checkpoints.read('orders'), undefined);
    },
  },
];
