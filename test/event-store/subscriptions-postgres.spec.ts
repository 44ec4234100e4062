import { afterAll, beforeAll } from '@jest/globals';
import { startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';
import { describeFollowers } from './describe-followers.js';

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
}, 60_000);
afterAll(() => server.stop());

describeFollowers('PostgreSQL', { kind: 'postgres', transaction: false }, () => server.url);

describeFollowers(
  'PostgreSQL, with the checkpoint in the transaction of the effect',
  { kind: 'postgres', transaction: true },
  () => server.url,
);
