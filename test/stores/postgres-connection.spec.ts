import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { EventConfigurationError } from 'nestjs-durable-events';
import {
  deadLetterTableSql,
  inboxTableSql,
  type PostgresConnectionOption,
  PostgresDeadLetterStore,
  PostgresInbox,
} from 'nestjs-durable-events/postgres';
import { Client, Pool, type PoolConfig } from 'pg';
import { describeWithOwnPostgres } from '../support/services/postgres.js';
import { freePort } from '../support/free-port.js';
import { letter } from './sample-letters.js';
import { usePostgres } from './use-postgres.js';

const postgres = usePostgres();

/** SQL on a connection of its own. */
async function sql(text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows;
}

async function roundTrip(connection: PostgresConnectionOption): Promise<string | undefined> {
  const store = new PostgresDeadLetterStore({ connection, schema: postgres.schema, group: 'orders' });
  await store.open('app');
  const id = randomUUID();
  await store.add([letter({ id })]);
  const read = await store.get(`${id}:h`);
  await store.close();
  return read?.event.id === id ? 'same' : read?.event.id;
}

describe('a connection to PostgreSQL', () => {
  it('may be a URL, settings, a pool, or a client', async () => {
    const { hostname, port, username } = new URL(postgres.url);
    const pool = new Pool({ connectionString: postgres.url });
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    const database: PoolConfig = {
      host: hostname,
      port: Number(port),
      user: username,
      database: new URL(postgres.url).pathname.slice(1),
    };
    for (const connection of [postgres.url, database, pool, client]) {
      expect(await roundTrip(connection)).toBe('same');
    }
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]); // still open
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
    await client.end();
  });

  it('may parse values in its own way, or not at all', async () => {
    const types = { getTypeParser: () => (text: string) => text };
    const pool = new Pool({ connectionString: postgres.url, types });
    const place = { connection: pool, schema: postgres.schema, table: 'unparsed' };
    const letters = new PostgresDeadLetterStore(place);
    await letters.open('orders');
    await letters.add([letter({ id: '1', at: 1 }), letter({ id: '2', at: 2 })]);
    const page = await letters.list({ limit: 1 });
    expect(page.entries[0]?.failedAt).toEqual(new Date(1));
    expect((await letters.list({ cursor: page.cursor })).entries.map(({ id }) => id)).toEqual(['2:h']);
    expect(await letters.groups()).toMatchObject([{ count: 2, lastFailedAt: new Date(2) }]);
    expect((await letters.transition('1:h', 'dead', 'discarded'))?.changedAt.getTime()).toBeGreaterThan(0);
    expect([await letters.size(), await letters.purge({ status: 'discarded' })]).toEqual([1, 1]);
    const inbox = new PostgresInbox({ ...place, table: 'unparsed_inbox' });
    await inbox.open('orders');
    const keys = ['1', '2'].map((eventId) => ({ eventId, handlerId: 'h' }));
    expect(await inbox.claim(keys, 'ada', 60_000)).toEqual(['claimed', 'claimed']);
    await inbox.complete(keys.slice(0, 1), 'ada', 60_000);
    expect(await inbox.claim(keys, 'bob', 60_000)).toEqual(['handled', expect.any(Number)]);
    expect(await inbox.renew(keys.slice(1), 'ada', 60_000)).toEqual([true]);
    expect(await inbox.removeExpired()).toBe(0);
    await pool.end();
  });

  it('is bounded in time when a pool has nothing to give', async () => {
    const pool = new Pool({ connectionString: postgres.url, max: 1 });
    const busy = await pool.connect();
    const store = new PostgresDeadLetterStore({
      connection: pool,
      schema: postgres.schema,
      table: 'late',
      timeoutMs: 1000,
    });
    await expect(store.open('orders')).rejects.toThrow(/did not answer within 1000 ms/);
    busy.release();
    await store.open('orders');
    expect(await store.size()).toBe(0);
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]); // what came late is back
    await pool.end();
  });

  it('is bounded in time when a statement waits for a lock, and leaves no statement behind', async () => {
    const store = new PostgresInbox({ connection: postgres.url, schema: postgres.schema, timeoutMs: 500 });
    await store.open('orders');
    const locker = new Client({ connectionString: postgres.url });
    await locker.connect();
    await locker.query(`BEGIN; LOCK TABLE "${postgres.schema}".event_inbox`);
    const claim = store.claim([{ eventId: '1', handlerId: 'h' }], 'ada', 1000);
    await expect(claim).rejects.toThrow(/did not answer within|statement timeout/);
    await locker.query('COMMIT');
    await locker.end();
    expect(await store.claim([{ eventId: '1', handlerId: 'h' }], 'ada', 1000)).toEqual(['claimed']);
    await store.close();
  });

  it.each(['secret', 'se/cret', '%'])('never shows a password such as %p', async (password) => {
    const port = await freePort();
    const urls = [
      `postgresql://user:${password}@127.0.0.1:${port}/db`,
      `postgresql://user:${password}@127.0.0.1:port/db`,
      `postgresql://user:${password}@[/db`,
      `http://user:${password}@127.0.0.1:${port}/db`,
      `user:${password}@127.0.0.1:${port}/db`,
    ];
    for (const connection of urls) {
      const attempt = async () => {
        await new PostgresDeadLetterStore({ connection, timeoutMs: 2000 }).open('orders');
      };
      const error = await attempt().then(
        () => undefined,
        (error: Error) => error,
      );
      expect(error?.message).toBeTruthy();
      if (password === '%') continue;
      expect(inspect(error, { showHidden: true, depth: 10 })).not.toContain(password);
    }
  });

  it.each<[object, RegExp]>([
    [{ connection: undefined }, /'connection' of PostgresDeadLetterStore is no database/],
    [{ connection: '' }, /'connection'/],
    [{ connection: 'mysql://localhost' }, /postgresql:\/\//],
    [{ schema: 'a.b' }, /'schema' .* is 'a\.b'.*two options/],
    [{ table: 'x"; DROP TABLE y' }, /'table'/],
    [{ table: '' }, /'table'/],
    [{ table: 'x'.repeat(49) }, /at most 48 bytes/],
    [{ group: '' }, /'group'/],
    [{ timeoutMs: 0 }, /'timeoutMs' .* is 0/],
    [{ timeoutMs: 2 ** 31 }, /'timeoutMs'/],
  ])('refuses %p', (options, message) => {
    const make = () => new PostgresDeadLetterStore({ connection: 'postgresql://h/d', ...options });
    expect(make).toThrow(EventConfigurationError);
    expect(make).toThrow(message);
  });

  it('has to know whose store it is', async () => {
    const store = new PostgresDeadLetterStore({ connection: postgres.url });
    await expect(store.size()).rejects.toThrow(/'group', or call open\(service\)/);
    await store.close();
  });
});

describeWithOwnPostgres('tables of PostgreSQL', () => {
  it('can be made by a migration, for a service that may not make any', async () => {
    const schema = `${postgres.schema}-m`;
    const role = `reader_${randomUUID().slice(0, 8)}`;
    await sql(`CREATE SCHEMA "${schema}"`);
    await sql(deadLetterTableSql({ schema }) + inboxTableSql({ schema, table: 'Inbox-1' }));
    await sql(deadLetterTableSql({ schema }) + inboxTableSql({ schema, table: 'Inbox-1' })); // twice does no harm
    await sql(`CREATE ROLE ${role} LOGIN; GRANT USAGE ON SCHEMA "${schema}" TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "${schema}" TO ${role}`);
    const connection = { connectionString: postgres.url, options: `-c role=${role}` };
    const letters = new PostgresDeadLetterStore({ connection, schema });
    const inbox = new PostgresInbox({ connection, schema, table: 'Inbox-1' });
    await letters.open('orders');
    await inbox.open('orders');
    await letters.add([letter({ id: '1' })]);
    await letters.transition('1:h', 'dead', 'discarded');
    await letters.purge({ status: 'discarded' });
    await inbox.claim([{ eventId: '1', handlerId: 'h' }], 'ada', 1);
    await inbox.complete([{ eventId: '1', handlerId: 'h' }], 'ada', 1);
    expect(await inbox.removeExpired()).toBe(0);
    const elsewhere = new PostgresInbox({ connection, schema, table: 'another' });
    await expect(elsewhere.open('orders')).rejects.toThrow(/permission denied/);
    await Promise.all([letters.close(), inbox.close(), elsewhere.close()]);
    await sql(`DROP SCHEMA "${schema}" CASCADE; DROP ROLE ${role}`);
  });

  it('are read by their indexes where there are many entries', async () => {
    const store = new PostgresDeadLetterStore({
      connection: postgres.url,
      schema: postgres.schema,
      table: 'many',
    });
    await store.open('orders');
    await store.add(
      Array.from({ length: 3000 }, (_, i) =>
        letter({ id: `${i}`, at: i, type: `type-${i % 500}`, message: `kind ${'abcdefgh'[i % 8]}` }),
      ),
    );
    await sql(`ANALYZE "${postgres.schema}".many`);
    const plan = async (where: string) => {
      const rows = await sql(
        `EXPLAIN SELECT id FROM "${postgres.schema}".many WHERE service = 'orders' AND ${where} ORDER BY failed_at, id LIMIT 101`,
      );
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    const open = `status = ANY('{dead,retrying}')`;
    expect(await plan(`${open} AND (failed_at, id) > (to_timestamp(1), '5')`)).toContain('many_list');
    expect(await plan(`${open} AND type = 'type-7'`)).toContain('many_type');
    expect(await plan(`fingerprint = '${letter({ id: '1', message: 'kind a' }).fingerprint}x'`)).toContain(
      'many_kind',
    );
    await store.close();
  });
});
