import assert from 'node:assert/strict';
import { ODD_TEXTS } from '../../conformance/cases/samples.js';
import type { StoreCase } from '../rig.js';

export const snapshotCases: readonly StoreCase[] = [
  {
    name: 'keeps the latest snapshot of each stream',
    run: async (rig) => {
      const { snapshots } = await rig.store();
      assert.equal(await snapshots.load('a'), undefined);
      const a = { streamId: 'a', version: 3, state: { total: 7, list: [1, null, 'x\u0000'] }, form: '1' };
      const b = { streamId: 'b', version: 1, state: null, form: 'two' };
      await snapshots.save(a);
      await snapshots.save(b);
      assert.deepEqual(await snapshots.load('a'), a);
      assert.deepEqual(await snapshots.load('b'), b);
      const newer = { ...a, version: 9, state: 'nine', form: '2' };
      await snapshots.save(newer);
      assert.deepEqual(await snapshots.load('a'), newer);
    },
  },
  {
    name: 'lets a newer snapshot stay, and takes one of the same version',
    run: async (rig) => {
      const { snapshots } = await rig.store();
      const at = (version: number, state: string) => ({ streamId: 's', version, state, form: '1' });
      await snapshots.save(at(5, 'five'));
      await snapshots.save(at(4, 'four'));
      assert.deepEqual(await snapshots.load('s'), at(5, 'five'));
      await snapshots.save(at(5, 'again'));
      assert.deepEqual(await snapshots.load('s'), at(5, 'again'));
    },
  },
  {
    name: 'forgets a snapshot, and gives out copies',
    run: async (rig) => {
      const { snapshots } = await rig.store();
      const state = { list: [1] };
      await snapshots.save({ streamId: 's', version: 1, state, form: '1' });
      state.list.push(2);
      const loaded = await snapshots.load('s');
      (loaded!.state as typeof state).list.push(3);
      assert.deepEqual((await snapshots.load('s'))!.state, { list: [1] });
      await snapshots.remove('s');
      await snapshots.remove('s');
      assert.equal(await snapshots.load('s'), undefined);
    },
  },
  {
    name: 'keeps odd names apart',
    run: async (rig) => {
      const { snapshots } = await rig.store();
      for (const [version, streamId] of ODD_TEXTS.entries()) {
        await snapshots.save({ streamId, version: version + 1, state: streamId, form: streamId });
      }
      for (const [version, streamId] of ODD_TEXTS.entries()) {
        const expected = { streamId, version: version + 1, state: streamId, form: streamId };
        assert.deepEqual(await snapshots.load(streamId), expected);
      }
    },
  },
];
