import { createEventBus, type Event, type EventBackend } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { Pool } from 'pg';

/** What a test tells this program. */
export interface RecorderSettings {
  readonly url: string;
  readonly schema: string;
  readonly mode: 'record' | 'publish';
  /** Events to emit, numbered from 1. */
  readonly count: number;
  /** Publishing this one never ends. */
  readonly stuckAt?: number;
}

const { url, schema, mode, count, stuckAt } = JSON.parse(process.env['SETTINGS']!) as RecorderSettings;
const pool = new Pool({ connectionString: url });

/* A broker that is a table. */
const backend: EventBackend = {
  name: 'table',
  async publish({ data }: Event) {
    const { n } = data as { n: number };
    if (n === stuckAt) {
      process.send!('stuck');
      await new Promise(() => undefined);
    }
    await pool.query(`INSERT INTO "${schema}".sent (n) VALUES ($1)`, [n]);
  },
  close: async () => undefined,
};

/* Emits, one event behind the other. Says "done" when the store, or the broker, has them all. */
const store = new PostgresEventStore({ connection: url, schema });
const options = mode === 'publish' ? { leaseMs: 1500, pollMs: 100 } : {};
const bus = createEventBus({ backend, source: 'shop', store: { store, mode, ...options } });
await bus.start();
for (let n = 1; n <= count; n++) {
  await bus.emitAsync('order.placed', { n }, { id: `order-${n}` });
}
if (mode === 'publish') await bus.idle();
await bus.close();
process.send!('done');
process.disconnect();
