import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { describeBackend } from 'nestjs-durable-events/testing';
import { forkProgram } from '../support/fork-program.js';
import { concurrency, leaseMs, maxEventBytes, redisStreams } from './redis-streams.js';
import { useRedisBroker } from './use-redis-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/redis-streams.ts');

const broker = useRedisBroker();

describeBackend(
  redisStreams(() => broker.url),
  {
    durable: true,
    delay: true,
    ordering: true,
    broadcast: true,
    redelivery: true,
    shared: true,
    dedup: true,
    cancel: true,
    maxEventBytes,
  },
  {
    name: 'RedisStreamsBackend',
    concurrency,
    leaseMs,
    timeoutMs: 10_000,
    ...broker.hooks,
    fork: () => forkProgram(program, { CONFORMANCE_REDIS: broker.url }),
    corrupt: async ({ namespace }, text) => {
      await broker.client.xadd(`{${namespace}}:stream`, '*', 'event', text);
    },
    erase: async ({ namespace }) => {
      await broker.client.del(await broker.client.keys(`{${namespace}}:*`));
    },
    borrow: async ({ namespace, group }) => {
      const borrowed = new Redis(broker.url);
      return {
        backend: new RedisStreamsBackend({ connection: borrowed, namespace, group }),
        use: () => borrowed.ping(),
        dispose: () => borrowed.disconnect(),
      };
    },
  },
);
