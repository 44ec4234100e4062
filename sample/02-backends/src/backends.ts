import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Transport } from '@nestjs/microservices';
import { type EventBackend, MemoryBackend } from 'nestjs-durable-events';
import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import { KafkaBackend } from 'nestjs-durable-events/kafka';
import { MicroservicesBackend } from 'nestjs-durable-events/microservices';
import { NatsBackend, NatsJetStreamBackend } from 'nestjs-durable-events/nats';
import { PostgresBackend } from 'nestjs-durable-events/postgres';
import { RabbitMQBackend } from 'nestjs-durable-events/rabbitmq';
import { RedisPubSubBackend, RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { SqliteBackend } from 'nestjs-durable-events/sqlite';
import { SqsBackend } from 'nestjs-durable-events/sqs';
import type { Use } from '../../01-signup/src/program.js';
import { KAFKA, NATS, POSTGRES, RABBITMQ, REDIS, type Server, SQS } from './servers.js';

/** What a backend on a server is made with. */
interface Connected {
  readonly connection: string;
  /** First part of the names of whatever it makes there. */
  readonly namespace: string;
}

/** A backend that can be chosen: on a server, or in this process and its files. */
export type Choice =
  | { readonly server: Server; make(connected: Connected): EventBackend }
  | { readonly server?: undefined; make(use: Use): EventBackend };

/** Every value of EVENTS_BACKEND. */
export const BACKENDS: Readonly<Record<string, Choice>> = {
  memory: {
    // A file can wait until there is room. A browser should not.
    make: ({ source }) => new MemoryBackend({ overflow: source === 'file' ? 'wait' : 'reject' }),
  },
  sqlite: {
    make: ({ dataDir }) => {
      mkdirSync(dataDir, { recursive: true });
      return new SqliteBackend({ connection: join(dataDir, 'events.db') });
    },
  },
  postgres: { server: POSTGRES, make: (options) => new PostgresBackend(options) },
  'redis-streams': { server: REDIS, make: (options) => new RedisStreamsBackend(options) },
  'redis-pubsub': { server: REDIS, make: (options) => new RedisPubSubBackend(options) },
  bullmq: { server: REDIS, make: (options) => new BullMQBackend(options) },
  'nats-jetstream': { server: NATS, make: (options) => new NatsJetStreamBackend(options) },
  nats: { server: NATS, make: (options) => new NatsBackend(options) },
  rabbitmq: { server: RABBITMQ, make: (options) => new RabbitMQBackend(options) },
  kafka: { server: KAFKA, make: (options) => new KafkaBackend(options) },
  sqs: { server: SQS, make: (options) => new SqsBackend(options) },
  // Over a transport of Nest: here that of RabbitMQ.
  microservices: {
    server: RABBITMQ,
    make: ({ connection, namespace }) =>
      new MicroservicesBackend({
        transport: Transport.RMQ,
        options: { urls: [connection], exchange: namespace },
      }),
  },
};
