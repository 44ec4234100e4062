import { PostgresInbox } from 'nestjs-durable-events/postgres';
import { describeInboxStore } from './inbox-contract.js';
import { usePostgres } from './use-postgres.js';

const postgres = usePostgres();

describeInboxStore('PostgresInbox', {
  make: (table) =>
    new PostgresInbox({
      connection: { connectionString: postgres.url, max: 4 },
      schema: postgres.schema,
      table,
    }),
});
