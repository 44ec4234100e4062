import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { InboxStore } from 'nestjs-durable-events';
import { PostgresInbox } from 'nestjs-durable-events/postgres';
import { RedisInbox } from 'nestjs-durable-events/redis';
import { Pool } from 'pg';
import { assertBuilt } from '../support/built-package.js';
import { startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { usePostgres } from './use-postgres.js';

const LEASE_MS = 2000;
const key = { eventId: '1', handlerId: 'mail' };

/** Runs a process until it holds the claim, and kills it then. */
async function claimAndDie(task: object): Promise<void> {
  const program = join(import.meta.dirname, 'programs/claimant.mjs');
  const child = spawn(process.execPath, [program, JSON.stringify({ leaseMs: LEASE_MS, ...task })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [unknown];
  expect(String(said)).toBe('claimed\n');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** @returns Milliseconds until somebody else has the claim. */
async function takeOver(inbox: InboxStore): Promise<number> {
  const begun = performance.now();
  const claim = async () => (await inbox.claim([key], 'heir', 60_000))[0] === 'claimed';
  await waitFor(claim, { timeoutMs: 10_000, message: 'the claim to lapse' });
  return performance.now() - begun;
}

describe('A process that is killed between claim and mark', () => {
  const postgres = usePostgres();
  beforeAll(assertBuilt);

  it('holds its claim in Redis for the lease, and no longer', async () => {
    const redis = await startRedis();
    const options = { connection: redis.url, namespace: randomUUID() };
    await claimAndDie({ kind: 'redis', options });
    const inbox = new RedisInbox(options);
    await inbox.open('orders');
    expect(await takeOver(inbox)).toBeLessThan(LEASE_MS + 3000);
    await inbox.close();
    await redis.stop();
  });

  it('holds its claim in PostgreSQL for the lease, and its transaction has no effect', async () => {
    const pool = new Pool({ connectionString: postgres.url });
    const effects = `"effects_${randomUUID()}"`;
    await pool.query(`CREATE TABLE ${effects} (what text)`);
    const place = { schema: postgres.schema };
    await claimAndDie({ kind: 'postgres', effects, options: { ...place, connection: postgres.url } });
    const inbox = new PostgresInbox({ ...place, connection: pool });
    await inbox.open('orders');
    expect(await takeOver(inbox)).toBeLessThan(LEASE_MS + 3000);
    await inbox.transactions.run(key, 'heir', 60_000, async (client) => {
      await client.query(`INSERT INTO ${effects} VALUES ('done')`);
    });
    expect((await pool.query(`SELECT what FROM ${effects}`)).rows).toEqual([{ what: 'done' }]);
    await pool.query(`DROP TABLE ${effects}`);
    await pool.end();
  });
});
