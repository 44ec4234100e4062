import { Transport } from '@nestjs/microservices';
import { type EventsModuleOptions, MemoryBackend } from 'nestjs-durable-events';
import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import { KafkaBackend } from 'nestjs-durable-events/kafka';
import { MicroservicesBackend } from 'nestjs-durable-events/microservices';
import { NatsBackend, NatsJetStreamBackend } from 'nestjs-durable-events/nats';
import {
  PostgresBackend,
  PostgresDeadLetterStore,
  PostgresEventStore,
  PostgresInbox,
} from 'nestjs-durable-events/postgres';
import { RabbitMQBackend } from 'nestjs-durable-events/rabbitmq';
import {
  RedisDeadLetterStore,
  RedisEventStore,
  RedisInbox,
  RedisPubSubBackend,
  RedisStreamsBackend,
} from 'nestjs-durable-events/redis';
import { SqsBackend } from 'nestjs-durable-events/sqs';

/** Long enough for servers that say no, and for clients that try more than once. */
const PATIENCE_MS = 500;
const publishing = { publishTimeoutMs: PATIENCE_MS, group: 'orders' };
const connecting = { ...publishing, connectTimeoutMs: PATIENCE_MS };
const storing = { timeoutMs: PATIENCE_MS, group: 'orders' };

type Users = Readonly<Record<string, (connection: string) => EventsModuleOptions>>;

/** Everything that is given a URL with a password, by the scheme of that URL. */
export const USERS: Readonly<Record<string, Users>> = {
  redis: {
    RedisStreamsBackend: (connection) => ({
      backend: new RedisStreamsBackend({ connection, ...publishing }),
    }),
    RedisPubSubBackend: (connection) => ({ backend: new RedisPubSubBackend({ connection, ...connecting }) }),
    BullMQBackend: (connection) => ({ backend: new BullMQBackend({ connection, ...publishing }) }),
    RedisDeadLetterStore: (connection) => ({
      backend: new MemoryBackend(),
      deadLetters: new RedisDeadLetterStore({ connection, ...storing }),
    }),
    RedisInbox: (connection) => ({
      backend: new MemoryBackend(),
      inbox: new RedisInbox({ connection, ...storing }),
    }),
    RedisEventStore: (connection) => ({
      backend: new MemoryBackend(),
      store: new RedisEventStore({ connection, timeoutMs: PATIENCE_MS }),
    }),
    'MicroservicesBackend with Redis': (connection) => {
      const { hostname, port, username, password } = new URL(connection);
      const options = { host: hostname, port: Number(port), username, password };
      return { backend: new MicroservicesBackend({ transport: Transport.REDIS, options, ...connecting }) };
    },
  },
  postgresql: {
    PostgresBackend: (connection) => ({ backend: new PostgresBackend({ connection, ...publishing }) }),
    PostgresDeadLetterStore: (connection) => ({
      backend: new MemoryBackend(),
      deadLetters: new PostgresDeadLetterStore({ connection, ...storing }),
    }),
    PostgresInbox: (connection) => ({
      backend: new MemoryBackend(),
      inbox: new PostgresInbox({ connection, ...storing }),
    }),
    PostgresEventStore: (connection) => ({
      backend: new MemoryBackend(),
      store: new PostgresEventStore({ connection, timeoutMs: PATIENCE_MS }),
    }),
  },
  nats: {
    NatsJetStreamBackend: (connection) => ({
      backend: new NatsJetStreamBackend({ connection, ...connecting }),
    }),
    NatsBackend: (connection) => ({ backend: new NatsBackend({ connection, ...connecting }) }),
    'MicroservicesBackend with NATS': (connection) => {
      const { host, username: user, password: pass } = new URL(connection);
      const options = { servers: [host], user, pass };
      return { backend: new MicroservicesBackend({ transport: Transport.NATS, options, ...connecting }) };
    },
  },
  amqp: {
    RabbitMQBackend: (connection) => ({ backend: new RabbitMQBackend({ connection, ...connecting }) }),
    'MicroservicesBackend with RabbitMQ': (connection) => ({
      backend: new MicroservicesBackend({
        transport: Transport.RMQ,
        options: { urls: [connection], exchange: 'orders' },
        ...connecting,
      }),
    }),
  },
  mqtt: {
    'MicroservicesBackend with MQTT': (connection) => ({
      backend: new MicroservicesBackend({
        transport: Transport.MQTT,
        options: { url: connection },
        ...connecting,
      }),
    }),
  },
  kafka: {
    KafkaBackend: (connection) => ({ backend: new KafkaBackend({ connection, ...connecting }) }),
  },
  http: {
    SqsBackend: (connection) => ({ backend: new SqsBackend({ connection, ...connecting }) }),
  },
};
