import type { BackendKind } from '../programs/settings.js';
import type { BrokerView } from './broker-view.js';
import { BullMQView } from './bullmq-view.js';
import { KafkaView } from './kafka-view.js';
import { MicroservicesRmqView } from './microservices-rmq-view.js';
import { NatsJetStreamView } from './nats-jetstream-view.js';
import { NothingKept } from './nothing-kept.js';
import { postgresView } from './postgres-view.js';
import { RabbitMQView } from './rabbitmq-view.js';
import { RedisStreamsView } from './redis-streams-view.js';
import { sqliteView } from './sqlite-view.js';
import { SqsView } from './sqs-view.js';

export function openBrokerView(kind: BackendKind, url: string, namespace: string): BrokerView {
  switch (kind) {
    case 'redis-streams':
      return new RedisStreamsView(url, namespace);
    case 'bullmq':
      return new BullMQView(url, namespace);
    case 'nats-jetstream':
      return new NatsJetStreamView(url, namespace);
    case 'kafka':
      return new KafkaView(url, namespace);
    case 'rabbitmq':
      return new RabbitMQView(url, namespace);
    case 'postgres':
      return postgresView(url, namespace);
    case 'sqlite':
      return sqliteView(url, namespace);
    case 'sqs':
      return new SqsView(url, namespace);
    case 'microservices-rmq':
      return new MicroservicesRmqView(url, namespace);
    case 'nats':
    case 'redis-pubsub':
    case 'microservices-nats':
    case 'microservices-redis':
    case 'microservices-mqtt':
    case 'microservices-tcp':
      return new NothingKept(namespace);
  }
}
