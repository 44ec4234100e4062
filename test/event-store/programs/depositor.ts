import { AggregateRepository, defineAggregate } from 'nestjs-durable-events/store';
import { type Place, storeAt } from './place.js';

/** What a test tells this program. */
export interface DepositorSettings {
  readonly place: Place;
  readonly deposits: number;
}

/** Counts what is deposited. A snapshot is nearly always older than the stream. */
export const accounts = defineAggregate({
  name: 'account',
  initial: () => ({ cents: 0 }),
  evolve: { 'account.deposited': ({ cents }) => ({ cents: cents + 1 }) },
  snapshotEvery: 7,
});

/* Deposits one cent after the other into one account, and says so each time; "done" in the end. */
if (process.env['SETTINGS'] !== undefined) {
  const { place, deposits } = JSON.parse(process.env['SETTINGS']) as DepositorSettings;
  const store = await storeAt(place);
  await store.open();
  const repository = new AggregateRepository(store, accounts, { retries: 1000 });
  for (let i = 0; i < deposits; i++) {
    await repository.handle('shared', () => ({ type: 'account.deposited', data: {} }));
    process.send!('deposited');
  }
  process.send!('done');
  await store.close();
  process.disconnect();
}
