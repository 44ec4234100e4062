import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { describeBackend } from 'nestjs-durable-events/testing';
import { startRedis } from '../support/services/redis.js';
import { maxEventBytes, microservices } from './microservices.js';
import { useMicroservicesBroker } from './use-microservices-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const broker = useMicroservicesBroker('redis', startRedis, 'REDIS_URL');

describeBackend(
  microservices('redis', () => broker.url),
  // Not shared: each process of a service gets each event.
  { retains: false, maxEventBytes },
  {
    name: 'MicroservicesBackend on Redis',
    timeoutMs: 10_000,
    ...broker.hooks,
    corrupt: async ({ namespace }, text) => {
      const client = new Redis(broker.server.url);
      await client.publish(`${namespace}.readable`, text);
      client.disconnect();
    },
  },
);
