import { PostgresDeadLetterStore } from 'nestjs-durable-events/postgres';
import { describeDeadLetterStore } from './dead-letter-contract.js';
import { usePglite } from './use-pglite.js';

const pglite = usePglite();

describeDeadLetterStore('PostgresDeadLetterStore on PGlite', {
  make: (table) => new PostgresDeadLetterStore({ connection: pglite.db, table }),
});
