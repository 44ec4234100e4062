import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { RedisPubSubBackend } from 'nestjs-durable-events/redis';
import { describeBackend } from 'nestjs-durable-events/testing';
import { forkProgram } from '../support/fork-program.js';
import { maxEventBytes, redisPubSub } from './redis-pubsub.js';
import { useRedisBroker } from './use-redis-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/redis-pubsub.ts');

const broker = useRedisBroker();

describeBackend(
  redisPubSub(() => broker.url),
  { broadcast: true, shared: true, retains: false, maxEventBytes },
  {
    name: 'RedisPubSubBackend',
    // No concurrency: Redis hands out events without being asked, so an instance cannot leave any to another one.
    timeoutMs: 10_000,
    ...broker.hooks,
    fork: () => forkProgram(program, { CONFORMANCE_REDIS: broker.url }),
    corrupt: async ({ namespace }, text) => {
      await broker.client.publish(`{${namespace}}:live`, text);
    },
    erase: async ({ namespace }) => {
      const keys = await broker.client.keys(`{${namespace}}:*`);
      if (keys.length > 0) await broker.client.del(keys);
    },
    borrow: async ({ namespace, group }) => {
      const borrowed = new Redis(broker.url);
      return {
        backend: new RedisPubSubBackend({ connection: borrowed, namespace, group }),
        use: () => borrowed.ping(),
        dispose: () => borrowed.disconnect(),
      };
    },
  },
);
