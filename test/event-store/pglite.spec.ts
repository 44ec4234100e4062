import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { describeEventStore } from 'nestjs-durable-events/testing';
import { usePglite } from '../stores/use-pglite.js';

const pglite = usePglite();

describeEventStore(
  'PostgresEventStore on PGlite',
  ({ namespace }) => new PostgresEventStore({ connection: pglite.db, table: namespace }),
  { shared: true, timeoutMs: 20_000 },
);
