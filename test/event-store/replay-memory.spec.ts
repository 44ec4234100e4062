import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { Pool } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { forkProgram } from '../support/fork-program.js';
import type { ReplayAllSettings } from './programs/replay-all.js';

const EVENTS = process.env['FAULT_RUNS'] === 'all' ? 1_000_000 : 100_000;
/** Less than half of what the data of the smaller run takes. */
const HEAP_MB = 96;

let pool: Pool | undefined;
afterAll(() => pool?.end()); // before the server stops
const postgres = usePostgres();

it(`${EVENTS} events with 2 kB of data each are replayed within a heap of ${HEAP_MB} MB`, async () => {
  const { url, schema } = postgres;
  pool = new Pool({ connectionString: url });
  const store = new PostgresEventStore({ connection: url, schema });
  await store.open();
  await pool.query(
    `INSERT INTO "${schema}".event_store
       (id, event_type, source, data, "timestamp", created_at, version, correlation_id, transaction_id)
     SELECT 'e' || n, 'order.placed', 'app', jsonb_build_object('n', n, 'text', repeat('x', 2000)), now(), now(), 1,
       'e' || n, 1
     FROM generate_series(1, $1::int) AS n`,
    [EVENTS],
  );
  expect(await store.count()).toBe(EVENTS);
  await store.close();

  const settings: ReplayAllSettings = { url, schema };
  const child = forkProgram(join(import.meta.dirname, 'programs/replay-all.ts'), {
    SETTINGS: JSON.stringify(settings),
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
  });
  child.stderr!.pipe(process.stderr);
  expect(await once(child, 'message')).toMatchObject([{ done: EVENTS, whole: EVENTS }]);
}, 1_200_000);
