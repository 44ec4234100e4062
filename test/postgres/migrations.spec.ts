import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEventBus } from 'nestjs-durable-events';
import {
  PostgresBackend,
  PostgresDeadLetterStore,
  PostgresEventStore,
  PostgresInbox,
} from 'nestjs-durable-events/postgres';
import { Client } from 'pg';
import { runCli } from '../../lib/cli/run-cli.js';
import { usePostgres } from '../stores/use-postgres.js';
import { waitFor } from '../support/wait-for.js';

const stage = usePostgres();

describe('The command nestjs-durable-events', () => {
  const schemas: string[] = [];
  let client: Client;
  beforeAll(async () => {
    client = new Client({ connectionString: stage.url });
    await client.connect();
  });
  afterAll(async () => {
    for (const schema of schemas) await client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
    await client.end();
  });

  const newSchema = (use: string) => {
    const schema = `${use}_${stage.schema}`.slice(0, 40);
    schemas.push(schema);
    return schema;
  };
  async function command(args: string[], env: Record<string, string> = {}) {
    let [out, err] = ['', ''];
    const code = await runCli(args, {
      env,
      out: (text) => void (out += text),
      err: (text) => void (err += text),
    });
    return { code, out, err };
  }

  /** Columns, indexes and settings of the tables of a schema. */
  async function shape(schema: string) {
    const columns = `
SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default, is_identity
FROM information_schema.columns WHERE table_schema = $1 ORDER BY 1, 2`;
    const indexes = `SELECT replace(indexdef, $1, '') AS index FROM pg_indexes WHERE schemaname = $1 ORDER BY 1`;
    const settings = `SELECT relname, reloptions FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1)) ORDER BY 1`;
    const rows = [];
    for (const text of [columns, indexes, settings]) rows.push(...(await client.query(text, [schema])).rows);
    return rows;
  }

  it('makes the very tables that are made at start, by itself or as SQL', async () => {
    const [atStart, migrated, printed] = [newSchema('start'), newSchema('migrate'), newSchema('sql')];
    const shared = { connection: stage.url, schema: atStart };
    const bus = createEventBus({
      source: 'service',
      backend: new PostgresBackend({ ...shared, group: 'service' }),
      inbox: new PostgresInbox(shared),
      deadLetters: new PostgresDeadLetterStore(shared),
    });
    await bus.start();
    await bus.close();
    const store = new PostgresEventStore(shared);
    await store.open();
    await store.close();
    const expected = await shape(atStart);
    expect(expected.length).toBeGreaterThan(50);

    const names = [
      'events_deliveries',
      'events_dead_letters',
      'event_inbox',
      'event_dead_letters',
      'event_store',
    ];
    const lines = (state: string) => names.map((name) => `${migrated}.${name}: ${state}\n`).join('');
    const migrate = ['migrate', stage.url, '--schema', migrated];
    expect(await command(migrate)).toEqual({ code: 0, out: lines('made'), err: '' });
    expect(await shape(migrated)).toEqual(expected);
    expect(await command(migrate)).toEqual({ code: 0, out: lines('there already'), err: '' });

    const { out: sql } = await command(['sql', '--schema', printed]);
    await client.query(sql);
    await client.query(sql);
    expect(await shape(printed)).toEqual(expected);
  });

  it('adds what tables of an earlier version lack, as the start does', async () => {
    const [migrated, started] = [newSchema('older1'), newSchema('older2')];
    for (const schema of [migrated, started]) {
      expect(await command(['migrate', stage.url, '--schema', schema])).toMatchObject({ code: 0 });
    }
    const expected = await shape(migrated);
    for (const schema of [migrated, started]) {
      await client.query(
        `ALTER TABLE "${schema}".events_deliveries DROP COLUMN leased_until, RESET (fillfactor)`,
      );
      await client.query(`DROP INDEX "${schema}".events_given_back`);
      // One that is ready, and one in the hands of a process that fell silent.
      for (const [state, owner] of [
        [0, null],
        [1, 'another'],
      ]) {
        await client.query(
          `INSERT INTO "${schema}".events_deliveries (grp, event_id, state, ready_at, owner, event) VALUES ('service', 'id', $1, now(), $2, $3)`,
          [state, owner, '{"specversion":"1.0","id":"id","source":"service","type":"x"}'],
        );
      }
    }

    const { out } = await command(['migrate', stage.url, '--schema', migrated, '--tables', 'backend']);
    expect(out).toContain('events_deliveries: made\n');
    expect(await shape(migrated)).toEqual(expected);

    const bus = createEventBus({
      backend: new PostgresBackend({ connection: stage.url, schema: started, group: 'service' }),
    });
    const redelivered: boolean[] = [];
    bus.on('x', (_, context) => void redelivered.push(context.redelivered));
    await bus.start();
    await waitFor(() => redelivered.length === 2);
    await bus.close();
    expect(redelivered.filter(Boolean)).toHaveLength(1);
    expect(await shape(started)).toEqual(expected);
  });

  it('makes some of them, in the database of DATABASE_URL', async () => {
    const schema = newSchema('some');
    const args = ['migrate', '--schema', schema, '--tables', 'backend,inbox', '--namespace', 'shop'];
    const { code, out } = await command(args, { DATABASE_URL: stage.url });
    expect(code).toBe(0);
    expect(out.match(/\w+(?=: made)/g)).toEqual(['shop_deliveries', 'shop_dead_letters', 'event_inbox']);
  });

  it('explains itself', async () => {
    expect(await command(['--help'])).toMatchObject({ code: 0, out: expect.stringMatching(/^Usage:\n/) });
  });

  it.each([
    [[], /^Usage:\n/],
    [['drop'], /^Usage:\n/],
    [['sql', 'postgresql://user:secret@localhost/database'], /^Usage:\n/],
    [['migrate'], /Pass its URL, or set DATABASE_URL/],
    [['migrate', 'user:secret'], /is no database\. Set it to a URL such as/],
    [['migrate', 'postgresql://user:secret@127.0.0.1:1/database'], /ECONNREFUSED/],
    [['sql', '--tables', 'backend,outbox'], /'tables' .* has 'outbox'\. Set it to one or more of backend,/],
    [['sql', '--namespace', 'a-b'], /'namespace' .* is 'a-b'\. Set it to at most 35 letters/],
    [['sql', '--schema', 'a"b'], /'schema' .* is 'a"b'\. Set it to a name of letters/],
    [['sql', '--shema', 'a'], /--shema/],
  ])('fails for %j, and shows no password', async (args, message) => {
    const { code, out, err } = await command(args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toContain('secret');
  });
});
