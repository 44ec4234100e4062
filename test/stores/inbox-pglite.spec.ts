import { PostgresInbox } from 'nestjs-durable-events/postgres';
import { describeInboxStore } from './inbox-contract.js';
import { usePglite } from './use-pglite.js';

const pglite = usePglite();

describeInboxStore('PostgresInbox on PGlite', {
  make: (table) => new PostgresInbox({ connection: pglite.db, table }),
});
