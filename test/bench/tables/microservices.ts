import { brokerTables } from './broker.js';

/** Over a durable queue of RabbitMQ. */
const rabbitmq = brokerTables({
  group: 'microservices/rabbitmq',
  broker: 'RabbitMQ by @nestjs/microservices',
  server: 'rabbitmq',
  ours: { transport: 'oursOverNestRabbitMQ', title: 'MicroservicesBackend, RMQ', part: 0.5 },
  others: [
    {
      transport: 'nestRabbitMQ',
      title: '@nestjs/microservices, RMQ, prefetch 100',
      part: 0.5,
    },
  ],
});

/** Over core NATS, which keeps nothing. */
const nats = brokerTables({
  group: 'microservices/nats',
  broker: 'core NATS by @nestjs/microservices',
  server: 'nats',
  keeps: false,
  ours: { transport: 'oursOverNestNats', title: 'MicroservicesBackend, NATS' },
  others: [{ transport: 'nestNats', title: '@nestjs/microservices, NATS' }],
});

/** Over channels of Redis, which keep nothing. */
const redis = brokerTables({
  group: 'microservices/redis',
  broker: 'Redis pub/sub by @nestjs/microservices',
  server: 'redis',
  keeps: false,
  ours: { transport: 'oursOverNestRedis', title: 'MicroservicesBackend, Redis' },
  others: [{ transport: 'nestRedis', title: '@nestjs/microservices, Redis' }],
});

/** What our backend costs over a transport of Nest, beside a client and a service of the same transport. */
export const microservices = [...rabbitmq, ...nats, ...redis];
