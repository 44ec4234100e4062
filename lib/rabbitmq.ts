export { RabbitMQBackend } from './backends/rabbitmq/rabbitmq-backend.js';
export type { RabbitMQOptions } from './backends/rabbitmq/options.js';
export type {
  AmqpConnection,
  AmqpConnectionOption,
  AmqpConnectionOptions,
} from './clients/amqp/connection.js';
