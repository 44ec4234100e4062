import { PostgresBackend } from 'nestjs-durable-events/postgres';
import { nestTransport } from '../nest-application.js';
import { dropSchema } from './schema.js';

/** As many as the raw loop reads at once. */
const CONCURRENCY = 100;

/** Through tables, and with notifications. */
export const oursOnPostgres = nestTransport({
  backend: ({ url, namespace }) =>
    new PostgresBackend({ connection: url, schema: namespace, group: 'bench', concurrency: CONCURRENCY }),
  remove: dropSchema,
});
