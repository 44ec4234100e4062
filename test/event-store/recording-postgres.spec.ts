import { once } from 'node:events';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createEventBus, type EventBackend, type EventBus, type SqlClient } from 'nestjs-durable-events';
import { PostgresBackend, PostgresEventStore } from 'nestjs-durable-events/postgres';
import type { EventStore, RecordingOptions } from 'nestjs-durable-events/store';
import { RecordingBackend } from 'nestjs-durable-events/testing';
import { Pool } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { forkProgram } from '../support/fork-program.js';
import { waitFor } from '../support/wait-for.js';
import type { RecorderSettings } from './programs/recorder.js';

let pool: Pool;
afterAll(() => pool.end()); // before the server stops
const postgres = usePostgres();
const program = join(import.meta.dirname, 'programs/recorder.ts');
let schema: string;
let store: EventStore;
beforeAll(() => void (pool = new Pool({ connectionString: postgres.url })));
beforeEach(async () => {
  schema = `recording_${randomUUID()}`;
  await pool.query(`CREATE SCHEMA "${schema}"`);
  await pool.query(`CREATE TABLE "${schema}".sent (at serial, n int)`);
  store = new PostgresEventStore({ connection: pool, schema });
  await store.open();
});
afterEach(async () => {
  await store.close();
  await pool.query(`DROP SCHEMA "${schema}" CASCADE`);
});

function start(settings: Pick<RecorderSettings, 'mode' | 'count' | 'stuckAt'>) {
  const all: RecorderSettings = { url: postgres.url, schema, ...settings };
  return forkProgram(program, { SETTINGS: JSON.stringify(all) });
}

async function sent(): Promise<number[]> {
  const { rows } = await pool.query<{ n: number }>(`SELECT n FROM "${schema}".sent ORDER BY at`);
  return rows.map(({ n }) => n);
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('A process that is killed between append and publish', () => {
  it(`leaves the event pending in mode 'record', and whoever emits its id again publishes it`, async () => {
    const victim = start({ mode: 'record', count: 5, stuckAt: 3 });
    await once(victim, 'message');
    // What it published before, it tells within a moment.
    await waitFor(async () => (await store.count({ publication: 'published' })) === 2, { timeoutMs: 20_000 });
    victim.kill('SIGKILL');
    await once(victim, 'exit');

    expect(await sent()).toEqual([1, 2]);
    const pending = await store.query().publication('pending').toArray();
    expect(pending.map(({ id }) => id)).toEqual(['order-3']);

    const heir = start({ mode: 'record', count: 5 });
    expect(await once(heir, 'message')).toContain('done');
    expect(await store.count()).toBe(5);
    expect(await store.count({ publication: 'published' })).toBe(5);
    expect(new Set(await sent())).toEqual(new Set(upTo(5)));
  }, 180_000);

  it(`lets another process go on in mode 'publish': everything is published, in the order of the store`, async () => {
    const victim = start({ mode: 'publish', count: 300, stuckAt: 150 });
    await once(victim, 'message');
    await waitFor(async () => (await store.count()) === 300, { timeoutMs: 60_000 });
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    expect(await sent()).toEqual(upTo(149));

    const heir = start({ mode: 'publish', count: 0 });
    expect(await once(heir, 'message')).toContain('done');

    const numbers = await sent();
    expect(new Set(numbers)).toEqual(new Set(upTo(300)));
    // It goes on at the last checkpoint: so many at the most are published again.
    const repeated = numbers.length - 300;
    expect(repeated).toBeLessThanOrEqual(100);
    expect(numbers.slice(149)).toEqual(upTo(300).slice(149 - repeated));
    expect(await store.count({ publication: 'published' })).toBe(300);
  }, 180_000);
});

describe('An emit within a transaction', () => {
  const buses: EventBus[] = [];
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });

  function makeBus(backend: EventBackend, options: Omit<RecordingOptions, 'store'> = {}): EventBus {
    const own = new PostgresEventStore({ connection: postgres.url, schema });
    const bus = createEventBus({ backend, source: 'shop', store: { store: own, ...options } });
    buses.push(bus);
    return bus;
  }

  async function inTransaction(end: 'COMMIT' | 'ROLLBACK', work: (client: SqlClient) => Promise<unknown>) {
    const client = await pool.connect();
    await client.query('BEGIN');
    await work(client);
    await client.query(end);
    client.release();
  }

  it('is recorded and published with it, or not at all', async () => {
    const backend = new PostgresBackend({ connection: postgres.url, schema });
    const bus = makeBus(backend);
    const seen: unknown[] = [];
    bus.on('order.placed', ({ data }) => void seen.push(data), { id: 'View' });
    await bus.start();
    await inTransaction('ROLLBACK', (transaction) =>
      bus.emitAsync('order.placed', { n: 1 }, { transaction }),
    );
    await inTransaction('COMMIT', async (transaction) => {
      await bus.emitAsync('order.placed', { n: 2 }, { transaction });
      const batch = [3, 4].map((n) => ({ type: 'order.placed', data: { n }, options: { transaction } }));
      const results = await bus.emitBatch(batch);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
      expect(await store.count()).toBe(0);
    });
    await waitFor(() => seen.length === 3, { timeoutMs: 20_000 });
    const events = await store.query().toArray();
    expect(events.map(({ data, publication }) => [data, publication])).toEqual([
      [{ n: 2 }, 'published'],
      [{ n: 3 }, 'published'],
      [{ n: 4 }, 'published'],
    ]);
  }, 60_000);

  it(`needs nothing of the backend in mode 'publish': it is published after the commit`, async () => {
    const backend = new RecordingBackend();
    const bus = makeBus(backend, { mode: 'publish', pollMs: 50 });
    await bus.start();
    await inTransaction('ROLLBACK', (transaction) =>
      bus.emitAsync('order.placed', { n: 1 }, { transaction }),
    );
    await inTransaction('COMMIT', async (transaction) => {
      const receipt = await bus.emitAsync('order.placed', { n: 2 }, { transaction });
      expect(receipt.backend).toBe('postgres');
      expect(backend.count()).toBe(0);
    });
    await bus.emitAsync('order.placed', { n: 3 });
    await waitFor(() => backend.count() === 2, { timeoutMs: 20_000 });
    expect(backend.published().map(({ data }) => data)).toEqual([{ n: 2 }, { n: 3 }]);
  }, 60_000);
});
