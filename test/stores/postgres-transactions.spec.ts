import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventConfigurationError, InboxClaimLostError, type SqlClient } from 'nestjs-durable-events';
import { PostgresInbox } from 'nestjs-durable-events/postgres';
import { Pool } from 'pg';
import { waitFor } from '../support/wait-for.js';
import { usePglite } from './use-pglite.js';
import { usePostgres } from './use-postgres.js';

const HOUR = 3_600_000;
const [ada, bob] = ['ada', 'bob'];
const key = { eventId: '1', handlerId: 'mail' };
const other = { eventId: '2', handlerId: 'mail' };

const postgres = usePostgres();
const pglite = usePglite();

/** Rows that handlers write. */
class Effects {
  constructor(
    readonly table: string,
    private readonly sql: SqlClient,
  ) {}

  async create(): Promise<void> {
    await this.sql.query(`CREATE TABLE ${this.table} (what text UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
  }

  async write(client: SqlClient, what: string): Promise<void> {
    await client.query(`INSERT INTO ${this.table} VALUES ($1)`, [what]);
  }

  async all(): Promise<string[]> {
    const { rows } = await this.sql.query(`SELECT what FROM ${this.table} ORDER BY what`);
    return (rows as { what: string }[]).map(({ what }) => what);
  }
}

describe.each(['PostgreSQL', 'PGlite'])('PostgresInbox: transactions on %s', (kind) => {
  let pool: Pool | undefined;
  let inbox: PostgresInbox;
  let effects: Effects;
  beforeEach(async () => {
    const table = `t_${randomUUID()}`;
    pool = kind === 'PostgreSQL' ? new Pool({ connectionString: postgres.url }) : undefined;
    const connection = pool ?? pglite.db;
    const schema = pool ? postgres.schema : 'public';
    inbox = new PostgresInbox({ connection, schema, table });
    effects = new Effects(`"${schema}"."effects_${table}"`, connection);
    await inbox.open('orders');
    await effects.create();
    await inbox.claim([key, other], ada, HOUR);
  });
  afterEach(async () => {
    await inbox.close();
    await pool?.end();
  });

  const write = (what: string) => async (client: SqlClient) => {
    await effects.write(client, what);
    return what;
  };

  it('write the mark with the effect', async () => {
    expect(await inbox.transactions.run(key, ada, HOUR, write('sent'))).toBe('sent');
    expect(await effects.all()).toEqual(['sent']);
    expect(await inbox.claim([key], bob, HOUR)).toEqual(['handled']);
    await inbox.complete([key], ada, HOUR);
    expect(await inbox.claim([key], bob, HOUR)).toEqual(['handled']);
  });

  it('write neither when the handler fails', async () => {
    const failing = async (client: SqlClient) => {
      await effects.write(client, 'sent');
      throw new TypeError('no');
    };
    await expect(inbox.transactions.run(key, ada, HOUR, failing)).rejects.toThrow(TypeError);
    expect(await effects.all()).toEqual([]);
    await inbox.release([key], ada);
    expect(await inbox.claim([key], bob, HOUR)).toEqual(['claimed']);
  });

  it('write neither when a statement failed and the handler did not mind', async () => {
    const careless = async (client: SqlClient) => {
      await effects.write(client, 'sent');
      await client.query('SELECT 1 / 0').catch(() => undefined);
    };
    await expect(inbox.transactions.run(key, ada, HOUR, careless)).rejects.toThrow(/aborted/);
    await expect(inbox.transactions.unmarked(careless)).rejects.toThrow(/aborted|rolled back/);
    expect(await effects.all()).toEqual([]);
    expect(await inbox.renew([key], ada, HOUR)).toEqual([true]);
  });

  it('write neither when the commit fails', async () => {
    await inbox.transactions.unmarked(write('once'));
    await expect(inbox.transactions.run(key, ada, HOUR, write('once'))).rejects.toMatchObject({
      code: '23505',
    });
    expect(await effects.all()).toEqual(['once']);
    expect(await inbox.renew([key], ada, HOUR)).toEqual([true]);
  });

  it('write neither when the claim was lost meanwhile', async () => {
    await inbox.release([key], ada);
    await inbox.claim([key], bob, HOUR);
    const lost = inbox.transactions.run(key, ada, HOUR, write('sent'));
    await expect(lost).rejects.toThrow(InboxClaimLostError);
    await expect(lost).rejects.toThrow(/leaseMs/);
    expect(await effects.all()).toEqual([]);
    expect(await inbox.transactions.run(key, bob, HOUR, write('theirs'))).toBe('theirs');
    await expect(inbox.transactions.run(key, bob, HOUR, write('again'))).rejects.toThrow(InboxClaimLostError);
    expect(await effects.all()).toEqual(['theirs']);
  });

  it('may be without a mark', async () => {
    expect(await inbox.transactions.unmarked(write('sent'))).toBe('sent');
    expect(await effects.all()).toEqual(['sent']);
    expect(await inbox.renew([key], ada, HOUR)).toEqual([true]);
  });

  it('mark for the time of the retention, from the end of the work on', async () => {
    await inbox.transactions.run(key, ada, 500, write('sent'));
    expect(await inbox.claim([key], bob, HOUR)).toEqual(['handled']);
    await waitFor(async () => (await inbox.claim([key], bob, HOUR))[0] === 'claimed');
  });
});

describe('PostgresInbox: while a transaction is open', () => {
  let pool: Pool;
  let inbox: PostgresInbox;
  let effects: Effects;
  beforeEach(async () => {
    const table = `t_${randomUUID()}`;
    pool = new Pool({ connectionString: postgres.url });
    const { schema } = postgres;
    inbox = new PostgresInbox({ connection: pool, schema, table, timeoutMs: 5000 });
    effects = new Effects(`"${schema}"."effects_${table}"`, pool);
    await inbox.open('orders');
    await effects.create();
    await inbox.claim([key, other], ada, HOUR);
  });
  afterEach(async () => {
    await inbox.close();
    await pool.end();
  });

  /** Runs work while a transaction of the caller's has the key marked and is open, then ends that. */
  async function whileJoined(end: 'COMMIT' | 'ROLLBACK', work: () => Promise<void>): Promise<void> {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await inbox.transactions.join(client, key, ada, HOUR);
      await effects.write(client, 'sent');
      await work();
      await client.query(end);
    } finally {
      client.release(true);
    }
  }

  it('nobody waits for it, neither for its key nor for others', async () => {
    const lapsing = { eventId: '3', handlerId: 'mail' };
    await inbox.claim([lapsing], ada, 1);
    await whileJoined('COMMIT', async () => {
      await waitFor(async () => (await inbox.renew([lapsing], ada, 1))[0] === false);
      const begun = performance.now();
      expect(await inbox.claim([lapsing, key, other], bob, HOUR)).toEqual([
        'claimed',
        expect.any(Number),
        expect.any(Number),
      ]);
      expect(await inbox.renew([key, other], ada, HOUR)).toEqual([true, true]);
      await inbox.release([key, lapsing], bob);
      await inbox.release([key], ada);
      await inbox.complete([key, lapsing], bob, HOUR);
      expect(await inbox.removeExpired()).toBe(0);
      expect(performance.now() - begun).toBeLessThan(4000); // less than waiting for one lock would take
    });
    expect(await inbox.claim([key, lapsing, other], 'eve', HOUR)).toEqual([
      'handled',
      'handled',
      expect.any(Number),
    ]);
    expect(await effects.all()).toEqual(['sent']);
  });

  it('its key stays its own, although the lease lapses', async () => {
    await inbox.renew([key], ada, 50);
    await whileJoined('COMMIT', async () => {
      await pool.query('SELECT pg_sleep(0.1)'); // by the clock that the lease is measured with
      expect(await inbox.claim([key], bob, HOUR)).toEqual([expect.any(Number)]);
      expect(await inbox.renew([key], ada, HOUR)).toEqual([true]);
    });
    expect(await inbox.claim([key], bob, HOUR)).toEqual(['handled']);
  });

  it('the mark goes with it when the caller rolls back', async () => {
    await whileJoined('ROLLBACK', async () => undefined);
    expect(await effects.all()).toEqual([]);
    expect(await inbox.renew([key], ada, HOUR)).toEqual([true]);
    await inbox.release([key], ada);
    expect(await inbox.claim([key], bob, HOUR)).toEqual(['claimed']);
  });

  it('one of two transactions for a key wins; the other one has no effect', async () => {
    const marking = async (what: string) =>
      inbox.transactions.run(key, ada, HOUR, async (client) => {
        await effects.write(client, what);
        return what;
      });
    const results = await Promise.allSettled([marking('one'), marking('two'), marking('three')]);
    const winners = results.filter((result) => result.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect(await effects.all()).toEqual([winners[0]!.value]);
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    for (const reason of reasons) expect(reason).toBeInstanceOf(InboxClaimLostError);
  });

  it('a claim that is stolen from it makes it fail', async () => {
    await inbox.renew([key], ada, 50);
    const run = inbox.transactions.run(key, ada, HOUR, async (client) => {
      await effects.write(client, 'sent');
      await waitFor(async () => (await inbox.claim([key], bob, HOUR))[0] === 'claimed');
    });
    await expect(run).rejects.toThrow(InboxClaimLostError);
    expect(await effects.all()).toEqual([]);
    expect(await inbox.renew([key], bob, HOUR)).toEqual([true]);
  });

  it('a handler may take longer for a statement than the inbox may', async () => {
    const own = new PostgresInbox({
      connection: postgres.url,
      schema: postgres.schema,
      table: 'own_pool',
      timeoutMs: 1000,
    });
    await own.open('orders');
    await own.claim([key], ada, HOUR);
    await own.transactions.run(key, ada, HOUR, async (client) => client.query('SELECT pg_sleep(1.5)'));
    expect(await own.claim([key], bob, HOUR)).toEqual(['handled']);
    await own.close();
  });
});

it('PostgresInbox: rows whose time is over are removed, by itself too', async () => {
  const pool = new Pool({ connectionString: postgres.url });
  const table = `t_${randomUUID()}`;
  const inbox = new PostgresInbox({ connection: pool, schema: postgres.schema, table });
  const name = `"${postgres.schema}"."${table}"`;
  await inbox.open('orders');
  const keys = Array.from({ length: 6000 }, (_, i) => ({ eventId: `${i}`, handlerId: 'mail' }));
  await inbox.claim(keys, ada, 1);
  const age = () => pool.query(`UPDATE ${name} SET expires_at = expires_at - interval '2 minutes'`);
  const count = async () => Number((await pool.query(`SELECT count(*) AS n FROM ${name}`)).rows[0].n);
  await age();
  await inbox.claim([key, other], ada, HOUR);
  expect(await inbox.removeExpired()).toBe(5998); // two of them were claimed again
  expect(await count()).toBe(2);
  await inbox.claim(keys, ada, 1);
  await age();
  await inbox.claim([key], ada, HOUR);
  await inbox.complete([key], ada, HOUR);
  await waitFor(async () => (await count()) === 2);
  await inbox.close();
  await pool.end();
});

it('PostgresInbox: what has no transactions says so', async () => {
  const { db } = pglite;
  const facade = {
    query: (text: string, values?: readonly unknown[]) => db.query(text, values as unknown[]),
  };
  const inbox = new PostgresInbox({ connection: facade, table: `t_${randomUUID()}` });
  await inbox.open('orders');
  expect(await inbox.claim([key], ada, HOUR)).toEqual(['claimed']);
  const run = inbox.transactions.run(key, ada, HOUR, async () => undefined);
  await expect(run).rejects.toThrow(EventConfigurationError);
  await expect(run).rejects.toThrow(/transaction\(work\)/);
  await db.transaction((client) => inbox.transactions.join(client, key, ada, HOUR));
  expect(await inbox.claim([key], bob, HOUR)).toEqual(['handled']);
});
