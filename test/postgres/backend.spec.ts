import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEventBus,
  type EventBus,
  type EventErrorNotice,
  type EventsModuleOptions,
} from 'nestjs-durable-events';
import {
  PostgresBackend,
  type PostgresBackendOptions,
  postgresBackendSql,
} from 'nestjs-durable-events/postgres';
import { Client } from 'pg';
import { usePglite } from '../stores/use-pglite.js';
import { usePostgres } from '../stores/use-postgres.js';
import { waitFor } from '../support/wait-for.js';

describe('PostgreSQL backend', () => {
  const stage = usePostgres();
  const open: EventBus[] = [];
  let run = 0;
  afterEach(async () => {
    for (const bus of open.splice(0)) await bus.close();
    run++;
  });

  function bus(options: Partial<PostgresBackendOptions> = {}, module: EventsModuleOptions = {}): EventBus {
    const backend = new PostgresBackend({
      connection: stage.url,
      schema: stage.schema,
      namespace: `own${run}`,
      group: 'service',
      ...options,
    });
    const made = createEventBus({ backend, retry: { maxRetries: 2, initialBackoffMs: 10 }, ...module });
    open.push(made);
    return made;
  }

  it('hears of events of other processes at once', async () => {
    const consumer = bus({ pollMs: 60_000 });
    const latencies: number[] = [];
    consumer.on('x', ({ data }) => void latencies.push(Date.now() - Number(data)));
    await consumer.start();
    const producer = bus();
    await producer.emitAsync('x', Date.now());
    await waitFor(() => latencies.length === 1);
    for (let i = 0; i < 20; i++) {
      await producer.emitAsync('x', Date.now());
      await waitFor(() => latencies.length === i + 2);
    }
    // Polling alone would take a minute.
    expect(Math.max(...latencies)).toBeLessThan(5000);
  });

  it('shows its dead letters to who has not started', async () => {
    expect(await bus().deadLetters.size()).toBe(0);
    const consumer = bus({}, { retry: false });
    consumer.on('x', () => {
      throw new Error('no');
    });
    await consumer.start();
    const { id } = await consumer.emitAsync('x');
    const { deadLetters } = bus();
    await waitFor(async () => (await deadLetters.size()) === 1);
    const { entries } = await deadLetters.list();
    expect(entries.map(({ event }) => event.id)).toEqual([id]);
  });

  it('takes the longest names', async () => {
    // Together with that of the schema too long for the name of a channel.
    const options = { namespace: 'n'.repeat(35), pollMs: 60_000 };
    const consumer = bus(options);
    const handled: unknown[] = [];
    consumer.on('x', ({ data }) => void handled.push(data));
    await consumer.start();
    await bus(options).emitAsync('x', 1);
    await waitFor(() => handled.length === 1);
  });

  it('finds them by polling where nothing can listen', async () => {
    const consumer = bus({ notify: false, pollMs: 20 });
    let handled = 0;
    consumer.on('x', () => void handled++);
    await consumer.start();
    await bus().emitAsync('x');
    await waitFor(() => handled === 1);
  });

  it('listens again after its connection was cut', async () => {
    const consumer = bus({ pollMs: 60_000 });
    const handled: unknown[] = [];
    consumer.on('x', ({ data }) => void handled.push(data));
    await consumer.start();
    const producer = bus();
    await producer.emitAsync('x', 'before');
    await waitFor(() => handled.length === 1);
    const admin = new Client({ connectionString: stage.url });
    await admin.connect();
    const { rowCount } = await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND pid <> pg_backend_pid()`,
    );
    expect(rowCount).toBeGreaterThan(0);
    await admin.end();
    await producer.emitAsync('x', 'after');
    await waitFor(() => handled.length === 2, { timeoutMs: 10_000 });
  });

  it('keeps the order of a key across instances, also while an event of it is retried', async () => {
    const seen = new Map<string, number[]>();
    const running = new Set<string>();
    const overlaps: string[] = [];
    const define = (each: EventBus) =>
      each.on('step', async ({ key, data }, { attempt }) => {
        if (running.has(key!)) overlaps.push(key!);
        running.add(key!);
        await new Promise((resolve) => setTimeout(resolve, 1));
        running.delete(key!);
        if (Number(data) % 10 === 3 && attempt === 1) throw new Error('once');
        seen.set(key!, [...(seen.get(key!) ?? []), Number(data)]);
      });
    for (let i = 0; i < 3; i++) {
      const each = bus({ concurrency: 4 });
      define(each);
      await each.start();
    }
    const producer = bus();
    const keys = ['a', 'b', 'c', 'd'];
    for (let n = 0; n < 40; n++) {
      await producer.emitBatch(keys.map((key) => ({ type: 'step', data: n, options: { key } })));
    }
    const complete = () => keys.every((key) => (seen.get(key)?.length ?? 0) >= 40);
    await waitFor(complete, { timeoutMs: 15_000 });
    for (const key of keys) expect(seen.get(key)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect(overlaps).toEqual([]);
  });

  it('works in PGlite', async () => {
    const reported: string[] = [];
    const onError = ({ error }: EventErrorNotice) => void reported.push(error.message);
    const each = bus({ connection: pglite.db, schema: 'public' }, { onError });
    const handled: unknown[] = [];
    each.on('x', ({ data }, { attempt }) => {
      if (attempt === 1) throw new Error('once');
      handled.push(data);
    });
    await each.start();
    await each.emitAsync('x', 1, { key: 'k' });
    await each.emitAsync('x', 2, { delayMs: 20 });
    await waitFor(() => handled.length === 2);
    await each.emitAsync('x', 'twice', { id: 'i' });
    expect(await each.emitAsync('x', 'twice', { id: 'i' })).toMatchObject({ duplicate: true });
    await each.close();
    // The first tries, and nothing about the connection.
    expect(reported).toEqual(['once', 'once']);
  });
  const pglite = usePglite();

  it('prints the statements that make its tables, which may be run beforehand', async () => {
    const admin = new Client({ connectionString: stage.url });
    await admin.connect();
    await admin.query(`CREATE SCHEMA IF NOT EXISTS "${stage.schema}"`);
    await admin.query(postgresBackendSql(stage.schema, `own${run}`));
    await admin.query(postgresBackendSql(stage.schema, `own${run}`));
    await admin.end();
    const each = bus();
    let handled = 0;
    each.on('x', () => void handled++);
    await each.start();
    await each.emitAsync('x');
    await waitFor(() => handled === 1);
  });

  it.each([
    [{ namespace: 'a-b' }, "Option 'namespace' of PostgresBackend is 'a-b'. Set it to at most 35 letters"],
    [{ namespace: 'n'.repeat(36) }, "Option 'namespace' of PostgresBackend is 'nnn"],
    [{ schema: 'a.b' }, "Option 'schema' of PostgresBackend is 'a.b'."],
    [
      { concurrency: 0 },
      "Option 'concurrency' of PostgresBackend is 0. Set it to a whole number of at least 1.",
    ],
    [{ connection: 'nonsense' }, "Option 'connection' of PostgresBackend is no database."],
  ])('refuses %j by name', (options, message) => {
    expect(() => new PostgresBackend({ connection: 'postgres://localhost', ...options })).toThrow(message);
  });
});
