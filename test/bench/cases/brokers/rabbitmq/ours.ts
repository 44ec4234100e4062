import { RabbitMQBackend } from 'nestjs-durable-events/rabbitmq';
import { nestTransport } from '../nest-application.js';
import { removeAll } from './remove.js';

/** As many as the others prefetch. */
const CONCURRENCY = 100;

/** Through a quorum queue of the group. */
export const oursOnRabbitMQ = nestTransport({
  backend: ({ url, namespace }) =>
    new RabbitMQBackend({ connection: url, namespace, group: 'bench', concurrency: CONCURRENCY }),
  remove: removeAll,
});
