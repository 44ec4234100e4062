import { createEventBus } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { ReplayEngine } from 'nestjs-durable-events/store';

/** What a test tells this program. */
export interface ReplayAllSettings {
  readonly url: string;
  readonly schema: string;
}

/* Replays everything, and tells how many events a handler got, and which parts of their data had the right length. */
const { url, schema } = JSON.parse(process.env['SETTINGS']!) as ReplayAllSettings;
const bus = createEventBus({ store: new PostgresEventStore({ connection: url, schema }) });
let whole = 0;
bus.on(
  'order.placed',
  ({ data }) => void (whole += Number((data as { text: string }).text.length === 2000)),
  {
    id: 'View.count',
  },
);
const { done } = await new ReplayEngine(bus).replay('all').concurrency(4).execute();
process.send!({ done, whole });
await bus.close();
process.disconnect();
