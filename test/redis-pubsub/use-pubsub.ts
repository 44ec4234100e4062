import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { Redis } from 'ioredis';
import { createEventBus, type EventBus } from 'nestjs-durable-events';
import { RedisPubSubBackend, type RedisPubSubOptions } from 'nestjs-durable-events/redis';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';

/** What the tests of a block work with. */
export interface Stage {
  readonly server: TestServer;
  /** A client that is none of ours. */
  readonly client: Redis;
  /** New for each test. */
  readonly namespace: string;
  /** A bus of service `orders`, closed after the test. */
  bus(options?: Partial<RedisPubSubOptions>): EventBus;
}

/** Sets up a server for the tests of a block, and clears away what each of them opened. */
export function usePubSub(start: () => Promise<TestServer> = startRedis): Stage {
  const buses: EventBus[] = [];
  const stage = {
    bus: (options: Partial<RedisPubSubOptions> = {}) => {
      const { server, namespace } = stage;
      const backend = new RedisPubSubBackend({
        connection: server.url,
        namespace,
        group: 'orders',
        ...options,
      });
      const bus = createEventBus({ backend, source: 'orders' });
      buses.push(bus);
      return bus;
    },
  } as { server: TestServer; client: Redis; namespace: string; bus: Stage['bus'] };
  beforeAll(async () => {
    stage.server = await start();
    stage.client = new Redis(stage.server.url);
  });
  afterAll(async () => {
    stage.client.disconnect();
    await stage.server.stop();
  });
  beforeEach(() => {
    stage.namespace = randomUUID();
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });
  return stage;
}
