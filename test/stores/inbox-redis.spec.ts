import { afterAll, beforeAll } from '@jest/globals';
import { RedisInbox } from 'nestjs-durable-events/redis';
import type { TestServer } from '../support/services/private-server.js';
import { describeWithOwnRedis, startRedis, startRedisCluster } from '../support/services/redis.js';
import { describeInboxStore } from './inbox-contract.js';

function describeOn(name: string, start: () => Promise<TestServer>): void {
  let server: TestServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  describeInboxStore(name, {
    make: (namespace) => new RedisInbox({ connection: server.url, namespace }),
  });
}

describeOn('RedisInbox', startRedis);

describeWithOwnRedis('In a cluster', () => {
  describeOn('RedisInbox', startRedisCluster);
});
