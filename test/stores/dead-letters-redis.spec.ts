import { afterAll, beforeAll } from '@jest/globals';
import { RedisDeadLetterStore } from 'nestjs-durable-events/redis';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { describeDeadLetterStore } from './dead-letter-contract.js';

let server: TestServer;
beforeAll(async () => {
  server = await startRedis({ appendfsync: 'everysec' });
});
afterAll(() => server.stop());

describeDeadLetterStore('RedisDeadLetterStore', {
  make: (namespace) => new RedisDeadLetterStore({ connection: server.url, namespace }),
});
