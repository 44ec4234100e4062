import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { queueTables, tablesOf } from '../../lib/backends/postgres/schema.js';
import { queueStatements } from '../../lib/backends/postgres/statements.js';
import type { Database } from '../../lib/clients/postgres/connection.js';
import { openDatabase } from '../../lib/clients/postgres/open-database.js';
import { startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';

const NAMESPACE = 'claim';
const LEASE_MS = 60_000;

describe('A claim of rows that were claimed before', () => {
  const tables = tablesOf('public', NAMESPACE);
  const { deliveries } = tables;
  const { claim } = queueStatements(tables);
  let server: TestServer;
  let db: Database;

  beforeAll(async () => {
    server = await startPostgres();
    db = openDatabase(server.url, 30_000, 'a test');
    for (const statement of queueTables('public', NAMESPACE)) await db.query(statement);
  }, 60_000);
  afterAll(async () => {
    await db.query(`DROP TABLE ${deliveries}, ${tables.groups}, ${tables.seen}`);
    await db.close();
    await server.stop();
  });
  beforeEach(async () => {
    await db.query(`TRUNCATE ${deliveries} RESTART IDENTITY`);
    await db.query(
      `INSERT INTO ${deliveries} (grp, event_id, state, ready_at, event)
       SELECT 'group', 'id', 0, now(), repeat('x', 400) FROM generate_series(1, 3)`,
    );
  });

  async function claimed(owner: string, suspectsFrom: number, allowed: boolean) {
    const rows = await db.queryInOrder(claim, ['group', owner, LEASE_MS, 10, suspectsFrom, allowed]);
    const { next_ms: nextMs } = rows[0]!;
    return { nextMs, taken: rows.filter(({ id }) => id !== null).map(({ taken }) => taken) };
  }
  const fallSilent = () => db.query(`UPDATE ${deliveries} SET leased_until = now() - interval '1 second'`);

  it('finds none that another process has', async () => {
    expect((await claimed('one', 5, true)).taken).toEqual([1, 1, 1]);
    expect((await claimed('two', 5, true)).taken).toEqual([]);
  });

  it('waits for the disk only where one has a key, which nobody else may run if the server forgets the claim', async () => {
    const flushOf = async () => {
      const [first] = await db.queryInOrder(claim, ['group', 'one', LEASE_MS, 2, 5, true]);
      return first!['flush'];
    };
    expect(await flushOf()).toBe('off');
    await db.query(`UPDATE ${deliveries} SET key = 'k', seq = 1 WHERE owner IS NULL`);
    expect(await flushOf()).toBe('needed');
    expect(await db.query('SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
  });

  it('counts those whose owner fell silent', async () => {
    await claimed('one', 5, true);
    await fallSilent();
    expect((await claimed('two', 5, true)).taken).toEqual([2, 2, 2]);
  });

  it('gives back those that have become suspects, which are then claimed one at a time', async () => {
    await claimed('one', 1, true);
    await fallSilent();
    expect(await claimed('two', 1, false)).toEqual({ nextMs: 0, taken: [] });
    expect(await claimed('two', 1, false)).toEqual({ nextMs: null, taken: [] });
    expect((await claimed('two', 1, true)).taken).toEqual([2]);
    expect((await claimed('three', 1, true)).taken).toEqual([2]);
  });

  it('writes no index', async () => {
    const updates = `
SELECT pg_stat_get_xact_tuples_updated(oid)::int AS all, pg_stat_get_xact_tuples_hot_updated(oid)::int AS hot
FROM pg_class WHERE oid = '${deliveries}'::regclass`;
    const [before, after] = await db.transaction(async (client) => {
      const first = await client.query(updates);
      await client.query(claim, ['group', 'one', LEASE_MS, 10, 5, true]);
      const second = await client.query(updates);
      return [first.rows[0], second.rows[0]] as { all: number; hot: number }[];
    });
    expect(after!.all - before!.all).toBe(3);
    expect(after!.hot - before!.hot).toBe(3);
  });
});
