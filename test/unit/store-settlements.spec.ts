import { expect, it } from '@jest/globals';
import { Settlements } from '../../lib/store/recording/settlements.js';
import { waitFor } from '../support/wait-for.js';

it('what is published after its failure could not be told is not told to have failed', async () => {
  let away = true;
  const told: [readonly string[], string][] = [];
  const store = {
    name: 'memory',
    settle: (ids: readonly string[], publication: string) => {
      if (away) return Promise.reject(new Error('the store is away'));
      told.push([ids, publication]);
      return Promise.resolve();
    },
  };
  let reports = 0;
  const settlements = new Settlements(store, () => reports++);
  await settlements.failed('order-1', new Error('no broker'));
  await settlements.failed('order-2', new Error('no broker'));
  // Both are tried again, at intervals that grow: the publication comes before the store is asked the next time.
  await waitFor(() => reports >= 6);
  away = false;
  settlements.published('order-1');
  await settlements.close();
  expect(told).toContainEqual([['order-1'], 'published']);
  expect(told).toContainEqual([['order-2'], 'failed']);
  expect(told).not.toContainEqual([['order-1'], 'failed']);
});
