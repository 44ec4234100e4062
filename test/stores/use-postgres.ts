import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import { Client } from 'pg';
import type { TestServer } from '../support/services/private-server.js';
import { type PostgresOptions, startPostgres } from '../support/services/postgres.js';

/** A server for the tests of a file, and a schema there that goes with them. */
export interface PostgresStage {
  readonly server: TestServer;
  readonly url: string;
  readonly schema: string;
}

export function usePostgres(settings?: PostgresOptions['settings']): PostgresStage {
  const stage = { schema: `test_${randomUUID()}` } as { server: TestServer; url: string; schema: string };
  beforeAll(async () => {
    stage.server = await startPostgres({ settings });
    stage.url = stage.server.url;
  }, 60_000);
  afterAll(async () => {
    const client = new Client({ connectionString: stage.url });
    await client.connect();
    await client.query(`DROP SCHEMA IF EXISTS "${stage.schema}" CASCADE`);
    await client.end();
    await stage.server.stop();
  });
  return stage;
}
