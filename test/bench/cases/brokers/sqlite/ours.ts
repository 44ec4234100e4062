import { SqliteBackend } from 'nestjs-durable-events/sqlite';
import { nestTransport } from '../nest-application.js';
import { fileOf, POLL_MS, removeFile } from './file.js';

/** As many as the raw loop reads at once. */
const CONCURRENCY = 100;

/** Through a file that both processes have open. */
export const oursOnSqlite = nestTransport({
  backend: (link) =>
    new SqliteBackend({
      connection: fileOf(link),
      group: 'bench',
      concurrency: CONCURRENCY,
      pollMs: POLL_MS,
    }),
  remove: removeFile,
});
