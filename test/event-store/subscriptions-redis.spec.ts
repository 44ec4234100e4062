import { afterAll, beforeAll } from '@jest/globals';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { describeFollowers } from './describe-followers.js';

let server: TestServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describeFollowers('Redis', { kind: 'redis', transaction: false }, () => server.url);
