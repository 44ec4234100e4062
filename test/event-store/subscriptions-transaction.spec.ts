import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import type { StoredEvent, SubscriptionContext } from 'nestjs-durable-events/store';
import { Pool } from 'pg';
import { startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

/*
 * Subscriptions that save their checkpoint in the transaction of the effect: the effects of an event are there once,
 * whatever the transaction comes to.
 */

const PATIENCE_MS = 60_000;
/** Makes the commit of the event with this number take long. */
const SLOW = 3;
/** Makes the commit of the event with this number fail. */
const REFUSED = 4;

let server: TestServer;
let proxy: TcpProxy;
let pool: Pool;
let schema: string;
let store: PostgresEventStore;

beforeAll(async () => {
  server = await startPostgres();
  proxy = await startTcpProxy(server.port);
  pool = new Pool({ connectionString: server.url });
}, 120_000);
afterAll(async () => {
  await pool.end();
  await proxy.close();
  await server.stop();
});

beforeEach(async () => {
  schema = `transactions_${randomUUID().slice(0, 8)}`;
  store = new PostgresEventStore({ connection: proxy.inFrontOf(server.url), schema, timeoutMs: PATIENCE_MS });
  await store.open();
  await store.appendBatch(Array.from({ length: 5 }, (_, i) => createEvent('order.placed', { n: i + 1 })));
  await pool.query(`
    CREATE TABLE ${schema}.effects (n int);
    CREATE FUNCTION ${schema}.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NULL; END';
    CREATE FUNCTION ${schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END';`);
}, 120_000);
afterEach(async () => {
  await store.close();
  await pool.query(`DROP SCHEMA ${schema} CASCADE`);
}, 120_000);

const numberOf = ({ data }: StoredEvent) => (data as { n: number }).n;

/** At the commit of the effect of this event, and not before. */
async function atCommitOf(n: number, what: 'slow' | 'refuse'): Promise<void> {
  await pool.query(`CREATE CONSTRAINT TRIGGER ${what} AFTER INSERT ON ${schema}.effects
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.n = ${n}) EXECUTE FUNCTION ${schema}.${what}()`);
}

async function effects(): Promise<number[]> {
  return (await pool.query(`SELECT n FROM ${schema}.effects ORDER BY ctid`)).rows.map(({ n }) => n as number);
}

async function write(event: StoredEvent, { client }: SubscriptionContext): Promise<void> {
  await client!.query(`INSERT INTO ${schema}.effects VALUES ($1)`, [numberOf(event)]);
}

const options = { name: 'orders', transaction: true, pollMs: 50, leaseMs: 600_000 };

it('an event that fails in the middle of a batch is tried again alone, and those before it are done', async () => {
  const errors: string[] = [];
  let failures = 0;
  const subscription = store.subscribe(
    {},
    async (event, context) => {
      await write(event, context);
      if (numberOf(event) === 3 && failures++ < 2) throw new Error('not yet');
    },
    {
      ...options,
      onError: (error, event, attempt) => void errors.push(`${numberOf(event!)}:${attempt} ${error.message}`),
    },
  );
  await subscription.caughtUp({ timeoutMs: PATIENCE_MS });
  await subscription.stop();
  expect(await effects()).toEqual([1, 2, 3, 4, 5]);
  expect(errors).toEqual(['3:1 not yet']);
}, 200_000);

it('an event that is skipped leaves no effect, and the others do', async () => {
  const subscription = store.subscribe(
    {},
    async (event, context) => {
      await write(event, context);
      if (numberOf(event) === 2) throw new Error('never');
    },
    { ...options, onError: () => 'skip' },
  );
  await subscription.caughtUp({ timeoutMs: PATIENCE_MS });
  await subscription.stop();
  expect(await effects()).toEqual([1, 3, 4, 5]);
  expect((await store.checkpoints.read('orders'))?.position).toBe(await store.head());
}, 200_000);

it('an event whose effect the database refuses at the commit is named, and may be skipped', async () => {
  await atCommitOf(REFUSED, 'refuse');
  const named: (number | undefined)[] = [];
  const subscription = store.subscribe({}, write, {
    ...options,
    onError: (_, event) => {
      named.push(event && numberOf(event));
      return 'skip';
    },
  });
  await subscription.caughtUp({ timeoutMs: PATIENCE_MS });
  await subscription.stop();
  expect(await effects()).toEqual([1, 2, 3, 5]);
  expect(named).toEqual([REFUSED]);
}, 200_000);

it('a commit whose answer is lost has one effect, and skips nothing', async () => {
  await atCommitOf(SLOW, 'slow');
  const named: unknown[] = [];
  const subscription = store.subscribe({}, write, {
    ...options,
    batchSize: 1,
    onError: (_, event) => {
      named.push(event);
      return 'skip';
    },
  });
  const committing = async () => {
    const { rows } = await pool.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`);
    return rows.length > 0;
  };
  await waitFor(committing, { timeoutMs: PATIENCE_MS, message: 'the commit to be under way' });
  proxy.cut();
  await subscription.caughtUp({ timeoutMs: PATIENCE_MS });
  await subscription.stop();
  expect(await effects()).toEqual([1, 2, 3, 4, 5]);
  // The store was in trouble, no event was.
  expect(named.length).toBeGreaterThan(0);
  expect(new Set(named)).toEqual(new Set([undefined]));
}, 200_000);
