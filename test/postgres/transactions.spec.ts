import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createEventBus, type EventBus, EventConfigurationError, MemoryBackend } from 'nestjs-durable-events';
import { PostgresBackend } from 'nestjs-durable-events/postgres';
import { Client } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { waitFor } from '../support/wait-for.js';

describe('PostgreSQL: emitting within a transaction', () => {
  const stage = usePostgres();
  let bus: EventBus;
  let client: Client;
  let handled: unknown[];
  let run = 0;

  beforeEach(async () => {
    handled = [];
    const backend = new PostgresBackend({
      connection: stage.url,
      schema: stage.schema,
      namespace: `tx${++run}`,
      group: 'service',
    });
    bus = createEventBus({ backend });
    bus.on('*', ({ data }) => void handled.push(data));
    await bus.start();
    client = new Client({ connectionString: stage.url });
    await client.connect();
    await client.query(`CREATE TABLE IF NOT EXISTS "${stage.schema}".orders (id int)`);
  });
  afterEach(async () => {
    await client.end();
    await bus.close();
  });

  it('publishes with the commit, and not before', async () => {
    await client.query('BEGIN');
    await client.query(`INSERT INTO "${stage.schema}".orders VALUES (1)`);
    await bus.emitAsync('order.placed', 'committed', { transaction: client });
    await bus.emitAsync('order.placed', 'alone');
    await waitFor(() => handled.length === 1);
    expect(handled).toEqual(['alone']);
    await client.query('COMMIT');
    await waitFor(() => handled.length === 2);
    expect(handled).toEqual(['alone', 'committed']);
  });

  it('publishes nothing when it rolls back, whatever the options', async () => {
    await client.query('BEGIN');
    await bus.emitAsync('x', 'gone', { transaction: client, id: 'again' });
    await bus.emitAsync('x', 'gone', { transaction: client, key: 'k' });
    await bus.emitAsync('x', 'gone', { transaction: client, delayMs: 10 });
    await bus.emitBatch([{ type: 'x', data: 'gone', options: { transaction: client } }]);
    await client.query('ROLLBACK');
    // The id was not used after all.
    expect(await bus.emitAsync('x', 'stays', { id: 'again' })).not.toHaveProperty('duplicate');
    await waitFor(() => handled.length === 1);
    await bus.idle({ timeoutMs: 5000 });
    expect(handled).toEqual(['stays']);
  });

  it('tells duplicates apart, and keeps the order of a key by commits', async () => {
    await bus.emitAsync('x', 1, { id: 'i' });
    await client.query('BEGIN');
    expect(await bus.emitAsync('x', 2, { id: 'i', transaction: client })).toMatchObject({ duplicate: true });
    await bus.emitAsync('x', 'first', { key: 'k', transaction: client });
    const second = bus.emitAsync('x', 'second', { key: 'k' });
    await client.query('COMMIT');
    await second;
    await waitFor(() => handled.length === 3);
    expect(handled).toEqual([1, 'first', 'second']);
  });

  it('takes whatever runs SQL in a transaction, such as the few lines around an ORM', async () => {
    await client.query('BEGIN');
    const facade = {
      query: (text: string, values?: readonly unknown[]) => client.query(text, values as unknown[]),
    };
    await bus.emitAsync('x', 'facade', { transaction: facade });
    await client.query('COMMIT');
    await waitFor(() => handled.length === 1);
  });

  it('is refused by name where the backend has no transactions', async () => {
    const memory = createEventBus(new MemoryBackend());
    await memory.start();
    const emitted = memory.emitAsync('x', 1, { transaction: client });
    await expect(emitted).rejects.toThrow(EventConfigurationError);
    await expect(emitted).rejects.toThrow("the backend 'memory' cannot publish as part of one");
    await memory.close();
  });
});
