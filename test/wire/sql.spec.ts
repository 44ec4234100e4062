import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Database from 'libsql';
import { PostgresBackend } from 'nestjs-durable-events/postgres';
import { SqliteBackend } from 'nestjs-durable-events/sqlite';
import { Client } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { readBySdk, STORED, storeEvents } from './events-as-read.js';

describe('SQLite: the column `event` has a CloudEvent', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wire-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('as another client of SQLite reads it', async () => {
    const path = join(folder, 'events.db');
    await storeEvents(new SqliteBackend({ connection: path }));
    const database = new Database(path, { readonly: true });
    const rows = database.prepare('SELECT event FROM events_deliveries').all() as { event: string }[];
    database.close();
    expect(readBySdk(rows.map(({ event }) => event))).toEqual(STORED);
  });
});

describe('PostgreSQL: the column `event` has a CloudEvent', () => {
  const stage = usePostgres();

  it('as another client of PostgreSQL reads it', async () => {
    const namespace = `wire_${randomUUID().slice(0, 8)}`;
    const { url, schema } = stage;
    await storeEvents(new PostgresBackend({ connection: url, schema, namespace }));
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ event: string }>(
      `SELECT event FROM "${schema}".${namespace}_deliveries`,
    );
    await client.end();
    expect(readBySdk(rows.map(({ event }) => event))).toEqual(STORED);
  });
});
