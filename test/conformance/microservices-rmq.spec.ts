import { Logger } from '@nestjs/common';
import { connect } from 'amqplib';
import { describeBackend } from 'nestjs-durable-events/testing';
import { startRabbitMQ } from '../support/services/rabbitmq.js';
import { maxEventBytes, microservices } from './microservices.js';
import { useMicroservicesBroker } from './use-microservices-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const broker = useMicroservicesBroker('rmq', startRabbitMQ, 'AMQP_URL');

describeBackend(
  microservices('rmq', () => broker.url),
  // Not durable: the queue is, but tries and dead letters are of the process.
  { shared: true, retains: false, maxEventBytes },
  {
    name: 'MicroservicesBackend on RabbitMQ',
    timeoutMs: 15_000,
    ...broker.hooks,
    corrupt: async ({ namespace }, text) => {
      const connection = await connect(broker.server.url);
      const channel = await connection.createConfirmChannel();
      channel.publish(namespace, `${namespace}.readable`, Buffer.from(text));
      await channel.waitForConfirms();
      await connection.close();
    },
  },
);
