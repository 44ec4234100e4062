import { expect, test } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { Client } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';

/** A million take a minute or more: `EVENTS=1000000` has them. */
const EVENTS = Number(process.env['EVENTS'] ?? 100_000);
const MEGABYTE = 1024 * 1024;
const postgres = usePostgres({ synchronous_commit: 'off' });

test(`reads ${EVENTS} events without keeping them`, async () => {
  const place = { schema: postgres.schema, table: 'large' };
  const store = new PostgresEventStore({ connection: postgres.url, ...place, timeoutMs: 60_000 });
  await store.open();
  const sql = new Client({ connectionString: postgres.url });
  await sql.connect();
  await sql.query(`
INSERT INTO "${place.schema}"."${place.table}" (id, event_type, source, data, "timestamp", created_at, version, correlation_id,
  stream_id, stream_version, transaction_id)
SELECT 'event-' || n, 'order.placed', 'shop', jsonb_build_object('n', n, 'text', repeat('x', 200)), now(), now(), 1,
  'event-' || n, 'order-' || n / 10, 1 + n % 10, pg_current_xact_id()::text::bigint
FROM generate_series(0, ${EVENTS - 1}) AS n`);
  await sql.end();
  await store.append(createEvent('end', 0));

  let [count, most, first] = [0, 0, 0];
  for await (const { data } of store.load({ types: 'order.*' })) {
    if ((data as { n: number }).n !== count) throw new Error(`Event ${count} is missing, or came twice.`);
    // After a while, when the code is compiled and the pool is open.
    if (count === 20_000) first = process.memoryUsage().rss;
    if (count % 1000 === 0) most = Math.max(most, process.memoryUsage().rss);
    count++;
  }
  expect(count).toBe(EVENTS);
  // All of them would take more than a kilobyte each.
  expect((most - first) / MEGABYTE).toBeLessThan(80);
  await store.close();
}, 600_000);
