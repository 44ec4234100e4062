import { setTimeout } from 'node:timers/promises';
import { type Projection, ProjectionRunner } from 'nestjs-durable-events/store';
import { type Place, storeAt } from './place.js';

/** What a test tells this program. */
export interface ProjectorSettings {
  readonly place: Place;
  readonly leaseMs: number;
  readonly workMs: number;
}

/*
 * Keeps, for each stream, the number of its orders and the sum of their numbers: an event that is applied twice or not
 * at all shows for ever. Says "working" at each event; rebuilds, or ends in good order, when it is told to.
 */
const { place, leaseMs, workMs } = JSON.parse(process.env['SETTINGS']!) as ProjectorSettings;
const table = `"${place.namespace}".sums`;
const store = await storeAt(place);
await store.open();

const sums: Projection = {
  name: 'sums',
  types: 'order.*',
  transaction: true,
  batchSize: 20,
  async reset({ client }) {
    await client!.query(
      `CREATE TABLE IF NOT EXISTS ${table} (stream text PRIMARY KEY, orders int NOT NULL, sum int NOT NULL)`,
    );
    await client!.query(`DELETE FROM ${table}`);
  },
  async handle({ data, streamId }, { client }) {
    process.send!('working');
    await client!.query(
      `INSERT INTO ${table} AS row VALUES ($1, 1, $2)
ON CONFLICT (stream) DO UPDATE SET orders = row.orders + 1, sum = row.sum + excluded.sum`,
      [streamId, (data as { n: number }).n],
    );
    await setTimeout(workMs);
  },
};
const runner = new ProjectionRunner(store, [sums], { leaseMs, pollMs: 50, onError: () => undefined });
runner.start();
process.send!('ready');
process.on('message', (message) => void obey(message));

async function obey(message: unknown): Promise<void> {
  if (message === 'rebuild') {
    await runner.rebuild('sums');
    process.send!('rebuilt');
    return;
  }
  await runner.stop();
  await store.close();
  process.disconnect();
}
