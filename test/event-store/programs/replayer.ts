import { createEventBus, type Event } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { ReplayEngine } from 'nestjs-durable-events/store';
import { Pool } from 'pg';

/** What a test tells this program. */
export interface ReplayerSettings {
  readonly url: string;
  readonly schema: string;
  readonly concurrency: number;
  readonly leaseMs: number;
}

/* Replays everything into a table under the name "view", and tells the result, or the error. */
const settings = JSON.parse(process.env['SETTINGS']!) as ReplayerSettings;
const { url, schema, concurrency, leaseMs } = settings;
const pool = new Pool({ connectionString: url });
const bus = createEventBus({ store: new PostgresEventStore({ connection: url, schema }) });
const write = (event: Event) =>
  pool.query(`INSERT INTO "${schema}".view (n) VALUES ($1)`, [(event.data as { n: number }).n]);
bus.on('order.placed', write, { id: 'View.write' });
try {
  const run = new ReplayEngine(bus).replay('view').concurrency(concurrency).leaseMs(leaseMs).execute();
  process.send!({ result: await run });
} catch (error) {
  process.send!({ error: (error as { code?: string }).code });
}
await bus.close();
await pool.end();
process.disconnect();
