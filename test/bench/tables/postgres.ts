import { brokerTables } from './broker.js';

/** Through PostgreSQL, which writes through to the disk. */
export const postgres = brokerTables({
  group: 'postgres',
  broker: 'PostgreSQL',
  server: 'postgres',
  ours: { transport: 'oursOnPostgres', title: 'PostgresBackend', part: 0.5 },
  others: [
    {
      transport: 'rawPostgres',
      title: 'pg: INSERTs through a pool of ten, DELETE of 100 with SKIP LOCKED',
      part: 0.5,
      mark: { publish: { 100: 5, 1_000: 5 }, consume: 0.7, latencyP99Ms: 5 },
    },
    {
      transport: 'pgBoss',
      title: 'pg-boss: send, work in batches of 1000',
      part: 0.2,
      mark: { publish: { 100: 10 }, consume: 10 },
    },
  ],
});
