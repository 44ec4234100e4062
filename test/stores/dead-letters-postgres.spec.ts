import { PostgresDeadLetterStore } from 'nestjs-durable-events/postgres';
import { describeDeadLetterStore } from './dead-letter-contract.js';
import { usePostgres } from './use-postgres.js';

const postgres = usePostgres({ synchronous_commit: 'off' });

describeDeadLetterStore('PostgresDeadLetterStore', {
  make: (table) =>
    new PostgresDeadLetterStore({
      connection: { connectionString: postgres.url, max: 4 },
      schema: postgres.schema,
      table,
    }),
});
