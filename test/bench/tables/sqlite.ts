import { brokerTables } from './broker.js';

/** Through a file of SQLite. */
export const sqlite = brokerTables({
  group: 'sqlite',
  broker: 'SQLite',
  server: 'sqlite',
  ours: { transport: 'oursOnSqlite', title: 'SqliteBackend', part: 0.5 },
  others: [
    {
      transport: 'rawSqlite',
      title: 'libsql: an INSERT for each, DELETE of 100',
      part: 0.5,
      mark: { publish: { 100: 0.8 }, consume: 0.7, latencyP99Ms: 10 },
    },
  ],
});
