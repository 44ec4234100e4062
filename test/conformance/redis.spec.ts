import { afterAll, beforeAll } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { describeBackend } from 'nestjs-durable-events/testing';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';

Logger.overrideLogger(false); // the failures of the cases are meant

/** Somebody else's server is not ours to kill: the cases about outages are then skipped, and say so. */
const ownServer = process.env['REDIS_URL'] === undefined;
const concurrency = 20;
const leaseMs = 1000;

let server: TestServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.url);
  client.on('error', () => undefined); // the outages are meant, too
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});

describeBackend(
  ({ namespace, group }) =>
    new RedisStreamsBackend({
      connection: server.url,
      namespace,
      group,
      concurrency,
      leaseMs,
      publishTimeoutMs: 1000,
    }),
  { durable: true, delay: true, broadcast: true, redelivery: true, shared: true },
  {
    name: 'RedisStreamsBackend',
    concurrency,
    leaseMs,
    timeoutMs: 10_000,
    corrupt: async ({ namespace }, text) => {
      await client.xadd(`{${namespace}}:stream`, '*', 'event', text);
    },
    outage: ownServer
      ? async () => {
          await server.kill9();
          return () => server.restart();
        }
      : undefined,
  },
);
