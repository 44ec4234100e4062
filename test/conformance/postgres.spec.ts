import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { PostgresBackend } from 'nestjs-durable-events/postgres';
import { describeBackend } from 'nestjs-durable-events/testing';
import { Client, Pool } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { forkProgram } from '../support/fork-program.js';
import { concurrency, leaseMs, maxEventBytes, nameOf, postgres } from './postgres.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/postgres.ts');

const stage = usePostgres();

describeBackend(
  postgres(() => stage),
  {
    durable: true,
    delay: true,
    ordering: true,
    redelivery: true,
    shared: true,
    dedup: true,
    cancel: true,
    transactions: true,
    maxEventBytes,
  },
  {
    name: 'PostgresBackend',
    // A server that was killed reads its log again before it takes connections.
    timeoutMs: 10_000,
    concurrency,
    leaseMs,
    fork: () => forkProgram(program, { CONFORMANCE_POSTGRES: stage.url, CONFORMANCE_SCHEMA: stage.schema }),
    outage: async () => {
      await stage.server.kill9();
      return () => stage.server.restart();
    },
    borrow: async ({ namespace, group }) => {
      const pool = new Pool({ connectionString: stage.url });
      return {
        backend: new PostgresBackend({
          connection: pool,
          schema: stage.schema,
          namespace: nameOf(namespace),
          group,
        }),
        use: () => pool.query('SELECT 1'),
        dispose: () => pool.end(),
      };
    },
    transact: async () => {
      const client = new Client({ connectionString: stage.url });
      await client.connect();
      await client.query('BEGIN');
      const end = async (command: string) => {
        await client.query(command);
        await client.end();
      };
      return { client, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') };
    },
    corrupt: async ({ namespace, group }, text) => {
      const client = new Client({ connectionString: stage.url });
      await client.connect();
      await client.query(
        `INSERT INTO "${stage.schema}"."${nameOf(namespace)}_deliveries" (grp, event_id, state, ready_at, event)
         VALUES ($1, 'x', 0, now(), $2)`,
        [group, text],
      );
      await client.end();
    },
  },
);
