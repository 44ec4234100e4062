import { afterAll, beforeAll } from '@jest/globals';
import { RedisEventStore } from 'nestjs-durable-events/redis';
import { describeEventStore } from 'nestjs-durable-events/testing';
import type { TestServer } from '../support/services/private-server.js';
import { describeWithOwnRedis, startRedis, startRedisCluster } from '../support/services/redis.js';

function describeOn(name: string, start: () => Promise<TestServer>): void {
  let server: TestServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  describeEventStore(name, ({ namespace }) => new RedisEventStore({ connection: server.url, namespace }), {
    shared: true,
    timeoutMs: 15_000,
  });
}

describeOn('RedisEventStore', startRedis);

describeWithOwnRedis('In a cluster', () => {
  describeOn('RedisEventStore', startRedisCluster);
});
