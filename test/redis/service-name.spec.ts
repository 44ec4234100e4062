import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { createEventBus, type EventErrorNotice } from 'nestjs-durable-events';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';

Logger.overrideLogger(false); // the warning is what is tested

describe('Redis Streams: the name of a service', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it.each([
    ['is missed where neither group nor source is given', {}, {}, 1],
    ['may be the group', { group: 'orders' }, {}, 0],
    ['may be the source', {}, { source: 'orders' }, 0],
  ])('%s', async (_, backendOptions, busOptions, complaints) => {
    const backend = new RedisStreamsBackend({
      connection: server.url,
      namespace: randomUUID(),
      ...backendOptions,
    });
    const bus = createEventBus({ backend, ...busOptions });
    const notices: EventErrorNotice[] = [];
    bus.errors.subscribe((notice) => void notices.push(notice));
    await bus.start();
    await bus.close();
    expect(notices.filter(({ error }) => error.message.includes("consumes as group 'app'"))).toHaveLength(
      complaints,
    );
  });
});
