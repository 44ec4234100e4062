import assert from 'node:assert/strict';
import type { ConformanceCase } from '../../rig.js';
import { nonEmpty } from '../support.js';

export const transactionCases: readonly ConformanceCase[] = [
  {
    name: 'publishes with the commit of a transaction of the caller, and not before',
    needs: ['transactions', 'transact'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      const { client, commit } = await rig.options.transact!(rig.context());
      await bus.emitAsync('x', 'within', { transaction: client });
      await bus.emitAsync('x', 'beside');
      await rig.until('the event beside the transaction', () => nonEmpty(rig.calls));
      await rig.settle();
      assert.deepEqual(
        rig.calls.map(({ data }) => data),
        ['beside'],
        'nobody sees what is not committed',
      );
      await commit();
      await rig.until('the event of the transaction', () => rig.calls.length === 2);
      assert.equal(rig.calls[1]!.data, 'within');
    },
  },
  {
    name: 'publishes nothing of a transaction that is rolled back',
    needs: ['transactions', 'transact'],
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      const { client, rollback } = await rig.options.transact!(rig.context());
      await bus.emitAsync('x', 'gone', { transaction: client });
      await bus.emitAsync('x', 'gone', { transaction: client, key: 'k' });
      await rollback();
      await bus.emitAsync('x', 'stays', { key: 'k' });
      await rig.until('the event after it', () => nonEmpty(rig.calls));
      await rig.settle();
      assert.deepEqual(
        rig.calls.map(({ data }) => data),
        ['stays'],
      );
    },
  },
];
