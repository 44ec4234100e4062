import { expect, it } from '@jest/globals';
import { createEventBus } from 'nestjs-durable-events';
import { PostgresBackend } from 'nestjs-durable-events/postgres';
import { Pool } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { waitFor } from '../support/wait-for.js';

const stage = usePostgres();

it('consumes where the session behind a connection changes, and prepares nothing there any more', async () => {
  const pool = new Pool({ connectionString: stage.url, max: 1 });
  const errors: unknown[] = [];
  const bus = createEventBus({
    backend: new PostgresBackend({
      connection: pool,
      schema: stage.schema,
      group: 'service',
      notify: false,
      pollMs: 20,
    }),
  });
  bus.errors.subscribe((error) => void errors.push(error));
  const handled: unknown[] = [];
  bus.on('x', ({ data }) => void handled.push(data));
  const prepared = async () => (await pool.query('SELECT name FROM pg_prepared_statements')).rows.length;
  try {
    await bus.start();
    await bus.emitAsync('x', 1);
    await waitFor(() => handled.length === 1);
    expect(await prepared()).toBe(1);
    // As a pooler does that hands out another session with every transaction.
    await pool.query('DEALLOCATE ALL');
    await bus.emitAsync('x', 2);
    await waitFor(() => handled.length === 2);
    expect(await prepared()).toBe(0);
    expect(errors).toEqual([]);
  } finally {
    await bus.close();
    await pool.end();
  }
});
