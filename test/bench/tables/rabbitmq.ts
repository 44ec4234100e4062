import { brokerTables } from './broker.js';

/** Through RabbitMQ; queues are quorum queues but where the other side has no choice. */
export const rabbitmq = brokerTables({
  group: 'rabbitmq',
  broker: 'RabbitMQ',
  server: 'rabbitmq',
  ours: { transport: 'oursOnRabbitMQ', title: 'RabbitMQBackend', part: 0.5 },
  others: [
    {
      transport: 'rawRabbitMQ',
      title: 'amqplib: confirmed publish, prefetch 100 and an ack for each',
      part: 0.5,
      mark: { publish: { 100: 0.8 }, consume: 0.7, latencyP99Ms: 5 },
    },
    {
      transport: 'golevelup',
      title: '@golevelup/nestjs-rabbitmq, prefetch 100',
      part: 0.5,
      mark: { publish: { 100: 1 }, consume: 1, endToEnd: 1 },
    },
    {
      transport: 'nestRabbitMQ',
      title: '@nestjs/microservices, classic queue, prefetch 100',
      part: 0.5,
      mark: { publish: { 100: 1 }, consume: 1, endToEnd: 1 },
    },
  ],
});
