import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { readBySdk, STORED, storeEvents } from './events-as-read.js';

let server: TestServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.url);
});
afterAll(async () => {
  await client.quit();
  await server.stop();
});

it('Redis Streams: entries have a CloudEvent in their field `event`', async () => {
  const namespace = `wire-${randomUUID()}`;
  await storeEvents(new RedisStreamsBackend({ connection: server.url, namespace }));
  // Those with a key are in one of the shards.
  const streams = (await client.keys(`{${namespace}}:stream*`)).sort();
  expect(streams[0]).toBe(`{${namespace}}:stream`);
  expect(streams).toHaveLength(2);
  const entries = await Promise.all(streams.map((stream) => client.xrange(stream, '-', '+')));
  const fields = entries.flat().map(([, fields]) => fields);
  expect(fields.map(([name]) => name)).toEqual(['event', 'event', 'event']);
  expect(readBySdk(fields.map(([, value]) => value!))).toEqual(STORED);
});

it('BullMQ: jobs are named after the event, and a CloudEvent is their data', async () => {
  const namespace = `wire-${randomUUID()}`;
  await storeEvents(new BullMQBackend({ connection: server.url, namespace, group: 'orders' }));
  const queue = `bull:${namespace}.orders`;
  const ids = await client.lrange(`${queue}:wait`, 0, -1);
  const jobs = await Promise.all(ids.map((id) => client.hgetall(`${queue}:${id}`)));
  for (const { name, data } of jobs) expect(JSON.parse(data!)).toMatchObject({ type: name });
  expect(readBySdk(jobs.map(({ data }) => data!))).toEqual(STORED);
});
