import { expect, it } from '@jest/globals';
import { Database } from '../../lib/backends/sqlite/database.js';
import { SqliteQueueTable } from '../../lib/backends/sqlite/sqlite-queue-table.js';
import { waitFor } from '../support/wait-for.js';
import { useFile } from './use-file.js';

const scene = useFile();

/** @param leaseMs With 0, what was claimed is free again at once. */
async function openTable(leaseMs: number) {
  const database = new Database(scene().path, 'NORMAL', 10_000);
  const table = new SqliteQueueTable(database, 'events', leaseMs, 0);
  await table.open({ group: 'service', onKeyFailure: 'block-key' });
  const event = { source: 's', key: undefined, priority: 0, delayMs: 0, deduplicate: false, wire: '{}' };
  const claimed = async (owner: string, from: number, allowed: boolean) => {
    const { rows, nextDueMs } = await table.claim(owner, 10, { from, allowed });
    return { taken: rows.map(({ taken }) => taken), nextDueMs };
  };
  return {
    database,
    table,
    claimed,
    publish: () => table.publish(['a', 'b'].map((id) => ({ ...event, id }))),
  };
}

it('claims nothing that another process has', async () => {
  const { table, claimed, publish } = await openTable(60_000);
  await publish();
  expect((await claimed('one', 5, true)).taken).toEqual([1, 1]);
  expect((await claimed('two', 5, true)).taken).toEqual([]);
  expect(await table.counts()).toMatchObject({ queued: 0, claimed: 2 });
  await table.close();
});

it('counts rows whose owner fell silent, and claims those that have become suspects one at a time', async () => {
  const { table, claimed, publish } = await openTable(0);
  await publish();
  expect((await claimed('one', 2, true)).taken).toEqual([1, 1]);
  expect((await claimed('two', 2, true)).taken).toEqual([2, 2]);
  expect(await claimed('three', 2, false)).toEqual({ taken: [], nextDueMs: 0 });
  expect((await claimed('three', 2, false)).taken).toEqual([]);
  expect((await claimed('three', 2, true)).taken).toEqual([3]);
  await table.close();
});

it('opens a file of an earlier version, with what a process held that fell silent', async () => {
  const { database, table, publish } = await openTable(0);
  await publish();
  database.exec('DROP INDEX events_given_back');
  database.exec('ALTER TABLE events_deliveries DROP COLUMN leased_until');
  const wire = '{"specversion":"1.0","id":"id","source":"service","type":"x"}';
  database.run(`UPDATE events_deliveries SET event = ?`, wire);
  database.run(
    `UPDATE events_deliveries SET state = 1, owner = 'another', taken = 1, ready_at = 1 WHERE id = 1`,
  );
  await table.close();

  const bus = scene().bus({ leaseMs: 60_000 });
  const redelivered: boolean[] = [];
  bus.on('x', (_, context) => void redelivered.push(context.redelivered));
  await bus.start();
  await waitFor(() => redelivered.length === 2);
  expect(redelivered.filter(Boolean)).toHaveLength(1);
});
