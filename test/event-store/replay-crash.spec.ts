import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createEvent, createEventBus, ReplayConflictError } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { ReplayEngine, type ReplayResult } from 'nestjs-durable-events/store';
import { Pool } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { forkProgram } from '../support/fork-program.js';
import { waitFor } from '../support/wait-for.js';
import type { ReplayerSettings } from './programs/replayer.js';

const EVENTS = 1500;
const CONCURRENCY = 4;
const LEASE_MS = 5000;
/** Events after which a replay saves how far it is. */
const SAVED = 100;

let pool: Pool;
let store: PostgresEventStore;
afterAll(() => pool.end()); // before the server stops
const postgres = usePostgres();
const program = join(import.meta.dirname, 'programs/replayer.ts');
beforeAll(async () => {
  pool = new Pool({ connectionString: postgres.url });
  store = new PostgresEventStore({ connection: postgres.url, schema: postgres.schema });
  await store.open();
  const events = Array.from({ length: EVENTS }, (_, n) =>
    createEvent('order.placed', { n }, { key: `k${n % 9}` }),
  );
  for (let i = 0; i < EVENTS; i += 500) await store.appendBatch(events.slice(i, i + 500));
  await pool.query(`CREATE TABLE "${postgres.schema}".view (n int)`);
}, 60_000);

function start() {
  const settings: ReplayerSettings = {
    url: postgres.url,
    schema: postgres.schema,
    concurrency: CONCURRENCY,
    leaseMs: LEASE_MS,
  };
  return forkProgram(program, { SETTINGS: JSON.stringify(settings) });
}

async function written(): Promise<number[]> {
  const { rows } = await pool.query<{ n: number }>(`SELECT n FROM "${postgres.schema}".view`);
  return rows.map(({ n }) => n);
}

it('a replay that is killed goes on in another process: it skips nothing, and repeats no more than it had not saved', async () => {
  const victim = start();
  await waitFor(async () => (await written()).length >= 400, { timeoutMs: 150_000, intervalMs: 20 });
  victim.kill('SIGKILL');
  await once(victim, 'exit');

  const bus = createEventBus({ store });
  const early = new ReplayEngine(bus).replay('view').execute();
  await expect(early).rejects.toThrow(ReplayConflictError);
  await waitFor(async () => (await store.checkpoints.list('replay:')).every(({ held }) => !held), {
    timeoutMs: 2 * LEASE_MS,
  });
  const heir = start();
  const [{ result }] = (await once(heir, 'message')) as [{ result: ReplayResult }];

  const numbers = await written();
  expect(result).toMatchObject({ state: 'completed', name: 'view', total: result.done });
  expect(new Set(numbers).size).toBe(EVENTS);
  expect(numbers.length - EVENTS).toBeLessThanOrEqual(SAVED + CONCURRENCY);
  expect(result.done).toBeGreaterThanOrEqual(EVENTS);
  await bus.close();
}, 400_000);
