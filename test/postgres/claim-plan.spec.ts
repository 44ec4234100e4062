import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { queueTables, tablesOf } from '../../lib/backends/postgres/schema.js';
import { queueStatements } from '../../lib/backends/postgres/statements.js';
import { openDatabase } from '../../lib/clients/postgres/open-database.js';
import type { Database } from '../../lib/clients/postgres/connection.js';
import { startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';

const SCHEMA = 'public';
const NAMESPACE = 'plan';
const BACKLOG = 30_000;
const MOST = 100;

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Rows that each step of a plan had in hand. */
function* handled(node: PlanNode): Generator<number> {
  yield node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0);
  for (const part of node.Plans ?? []) yield* handled(part);
}

describe('A claim from a table without statistics', () => {
  const { deliveries, groups, seen } = tablesOf(SCHEMA, NAMESPACE);
  let server: TestServer;
  let db: Database;

  beforeAll(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off' } });
    db = openDatabase(server.url, 10_000, 'a test');
    for (const statement of queueTables(SCHEMA, NAMESPACE)) await db.query(statement);
  }, 60_000);

  afterAll(async () => {
    await db.query(`DROP TABLE IF EXISTS ${deliveries}, ${groups}, ${seen}`);
    await db.close();
    await server.stop();
  });

  it.each([
    ['ready', '0', 'now()', 'false'],
    ['delayed for an hour', '1', `now() + interval '1 hour'`, 'true'],
  ])('reads no more rows than it takes, however many are %s', async (_, state, readyAt, delayed) => {
    await db.query(`TRUNCATE ${deliveries}`);
    await db.query(
      `INSERT INTO ${deliveries} (grp, event_id, state, ready_at, delayed, event)
       SELECT 'group', 'id', ${state}, ${readyAt}, ${delayed}, repeat('x', 400) FROM generate_series(1, ${BACKLOG})`,
    );
    const { claim } = queueStatements(tablesOf(SCHEMA, NAMESPACE));
    const values = ['group', 'owner', 30_000, MOST, 5, true];
    const [row] = await db.queryInOrder(`EXPLAIN (ANALYZE, FORMAT JSON) ${claim}`, values);
    const [{ Plan: plan }] = row!['QUERY PLAN'] as [{ Plan: PlanNode }];
    expect(Math.max(...handled(plan))).toBeLessThanOrEqual(MOST);
  });
});
