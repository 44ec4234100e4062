import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { ledgerAt, ledgerTable, type Place, storeAt } from './place.js';

/** What a test tells this program. */
export interface FollowerSettings {
  readonly place: Place;
  readonly who: string;
  readonly leaseMs: number;
  readonly transaction: boolean;
  readonly workMs: number;
}

/*
 * Follows a store and takes down what it handles. Says "working" at the beginning of each event; ends in good order when
 * it is told anything.
 */
const { place, who, leaseMs, transaction, workMs } = JSON.parse(process.env['SETTINGS']!) as FollowerSettings;
const store = await storeAt(place);
const ledger = await ledgerAt(place);
await store.open();
const subscription = store.subscribe(
  { types: 'order.*' },
  async ({ data }, { client }) => {
    process.send!('working');
    const { n } = data as { n: number };
    if (client === undefined) await ledger.note({ n, who });
    else await client.query(`INSERT INTO ${ledgerTable(place)} (n, who) VALUES ($1, $2)`, [n, who]);
    await setTimeout(workMs);
  },
  {
    name: 'orders',
    leaseMs,
    transaction,
    pollMs: 100,
    batchSize: 20,
    onError: (error) => void process.stderr.write(`${error.message}\n`),
  },
);
process.send!('ready');
await once(process, 'message');
await subscription.stop();
process.send!('stopped');
await store.close();
await ledger.close();
process.disconnect();
