import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import { describeBackend } from 'nestjs-durable-events/testing';
import { queueNameOf } from '../../lib/backends/bullmq/names.js';
import { newJob } from '../../lib/backends/bullmq/new-job.js';
import { forkProgram } from '../support/fork-program.js';
import { bullmq, concurrency, leaseMs, maxEventBytes } from './bullmq.js';
import { useRedisBroker } from './use-redis-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/bullmq.ts');

const broker = useRedisBroker();

describeBackend(
  bullmq(() => broker.url),
  {
    durable: true,
    delay: true,
    redelivery: true,
    shared: true,
    dedup: true,
    cancel: true,
    maxEventBytes,
  },
  {
    name: 'BullMQBackend',
    concurrency,
    leaseMs,
    timeoutMs: 10_000,
    ...broker.hooks,
    fork: () => forkProgram(program, { CONFORMANCE_REDIS: broker.url }),
    corrupt: async ({ namespace, group }, text) => {
      const queue = new Queue(queueNameOf(namespace, group), { connection: broker.client });
      await queue.getBackend().addJob(newJob('garbage', 'garbage', text, {}), '');
    },
    erase: async ({ namespace }) => {
      await broker.client.del(await broker.client.keys(`bull:${namespace}[.:]*`));
    },
    borrow: async ({ namespace, group }) => {
      const borrowed = new Redis(broker.url);
      return {
        backend: new BullMQBackend({ connection: borrowed, namespace, group }),
        use: () => borrowed.ping(),
        dispose: () => borrowed.disconnect(),
      };
    },
  },
);
