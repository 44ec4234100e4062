import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import { PostgresDeadLetterStore, PostgresInbox } from 'nestjs-durable-events/postgres';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { Pool } from 'pg';
import { startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from '../unit/buses.js';
import { usePostgres } from './use-postgres.js';

describe('A bus on Redis Streams with its stores in PostgreSQL', () => {
  const postgres = usePostgres();
  afterEach(closeBuses);

  it('has one effect per event, and dead letters that are retried into it', async () => {
    const redis = await startRedis();
    const database = new Pool({ connectionString: postgres.url });
    const place = { connection: database, schema: postgres.schema };
    const backend = new RedisStreamsBackend({ connection: redis.url, namespace: randomUUID() });
    const deadLetters = new PostgresDeadLetterStore(place);
    const bus = await startBus({ source: 'orders', backend, deadLetters, inbox: new PostgresInbox(place) });
    const effects = `"${postgres.schema}".effects`;
    await database.query(`CREATE TABLE ${effects} (event text)`);
    const written = async () => (await database.query(`SELECT event FROM ${effects}`)).rows.length;
    let broken = true;
    bus.on(
      'order.placed',
      async ({ id }, { transaction }) => {
        await transaction(async (client) => {
          await client.query(`INSERT INTO ${effects} VALUES ($1)`, [id]);
          if (broken) throw new Error('out of paper');
        });
      },
      { id: 'print', retry: false },
    );

    const { id } = await bus.emitAsync('order.placed', {});
    await waitFor(async () => (await bus.deadLetters.size()) === 1, { timeoutMs: 15_000 });
    expect(await written()).toBe(0);
    broken = false;
    expect((await bus.deadLetters.retry({ text: 'paper' })).count).toBe(1);
    const resolved = async () => (await bus.deadLetters.list({ status: 'resolved' })).entries.length === 1;
    await waitFor(resolved, { timeoutMs: 15_000 });
    expect(await written()).toBe(1);

    await backend.publish(createEvent('order.placed', {}, { id, source: 'orders' })); // a producer that writes twice
    await waitFor(async () => (await bus.stats()).duplicates === 1, { timeoutMs: 15_000 });
    expect(await written()).toBe(1);

    await closeBuses();
    await database.end();
    await redis.stop();
  }, 60_000);
});
