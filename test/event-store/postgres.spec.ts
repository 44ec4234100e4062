import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { describeEventStore } from 'nestjs-durable-events/testing';
import { Client } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';

const postgres = usePostgres({ synchronous_commit: 'off' });

describeEventStore(
  'PostgresEventStore',
  ({ namespace }) =>
    new PostgresEventStore({
      connection: { connectionString: postgres.url, max: 4 },
      schema: postgres.schema,
      table: namespace,
    }),
  {
    shared: true,
    timeoutMs: 20_000,
    transact: async () => {
      const client = new Client({ connectionString: postgres.url });
      await client.connect();
      await client.query('BEGIN');
      const end = (command: string) => async () => {
        await client.query(command);
        await client.end();
      };
      return { client, commit: end('COMMIT'), rollback: end('ROLLBACK') };
    },
  },
);
