import assert from 'node:assert/strict';
import { EventConfigurationError } from '../../../errors.js';
import type { EventStore } from '../../../store/event-store.js';
import { all, failure, numbered, type StoreCase } from '../rig.js';

type Misuse = readonly [names: RegExp, use: (store: EventStore) => unknown];

/** What cannot work, and what the error has to name. */
const MISUSES: readonly Misuse[] = [
  [/types/, (store) => store.load({ types: [''] })],
  [/star/, (store) => store.load({ types: 'order.pl*' })],
  [/since/, (store) => store.load({ since: new Date(Number.NaN) })],
  [/until/, (store) => store.load({ until: '2026' as unknown as Date })],
  [/source/, (store) => store.load({ source: '' })],
  [/limit/, (store) => store.load({ limit: 0 })],
  [/limit/, (store) => store.load({ limit: 1.5 })],
  [/direction/, (store) => store.load({ direction: 'up' as 'forward' })],
  [/publication/, (store) => store.load({ publication: 'lost' as 'failed' })],
  [/position/, (store) => all(store.load({ after: 'nonsense' }))],
  [/streamId/, (store) => store.appendBatch(numbered(1), { streamId: '' })],
  [/expectedVersion/, (store) => store.appendBatch(numbered(1), { streamId: 's', expectedVersion: -1 })],
  [/expectedVersion/, (store) => store.appendBatch(numbered(1), { streamId: 's', expectedVersion: 0.5 })],
  [/streamId/, (store) => store.appendBatch(numbered(1), { expectedVersion: 0 })],
  [/handler/, (store) => store.subscribe({}, 'no' as unknown as () => void)],
  [/batchSize/, (store) => store.subscribe({}, () => undefined, { batchSize: 0 })],
  [/name/, (store) => store.subscribe({}, () => undefined, { name: '' })],
  [/limit/, (store) => store.subscribe({ limit: 0 } as object, () => undefined)],
];

export const misuseCases: readonly StoreCase[] = [
  {
    name: 'refuses what cannot work, and names it',
    run: async (rig) => {
      const store = await rig.storeWith(numbered(1));
      for (const [names, use] of MISUSES) {
        const error = await failure(`The call about ${names.source}`, () => use(store));
        assert.ok(error instanceof EventConfigurationError, `${names.source}: ${String(error)}`);
        assert.match(error.message, names);
      }
      assert.equal(await store.count(), 1);
    },
  },
  {
    name: 'may be opened and closed twice',
    run: async (rig) => {
      const store = await rig.storeWith(numbered(2));
      await store.open();
      assert.equal(await store.count(), 2);
      await store.close();
      await store.close();
    },
  },
];
