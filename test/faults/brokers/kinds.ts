import type { BackendKind } from '../programs/settings.js';
import type { TestServer } from '../../support/services/private-server.js';
import {
  type Broker,
  type BrokerServer,
  ELASTICMQ,
  KAFKA,
  NATS,
  POSTGRES,
  RABBITMQ,
  REDIS,
  SQLITE,
} from './servers.js';

/** A backend that keeps events when a process dies. */
export interface DurableBackend<B extends Broker = Broker> {
  readonly kind: BackendKind;
  /** What tests call it. */
  readonly title: string;
  /** Whether it keeps the order of a key. */
  readonly ordering: boolean;
  /** Whether it stores a dead letter in the step that acknowledges the event, so that nothing can come between. */
  readonly buriesAndAcknowledges: boolean;
  /** It has no place for dead letters: they are in a Redis beside it, which nothing happens to. */
  readonly deadLettersApart?: true;
  readonly server: BrokerServer<B>;
  /** The shortest lease that it takes, in milliseconds, where that is more than the storms want. */
  readonly leastLeaseMs?: number;
}

/**
 * Backends for which the storms are enough: their server takes too long to start, or the suite that all backends have in
 * common kills and stops their processes already.
 */
const STORMS_ALONE: readonly DurableBackend[] = [
  {
    kind: 'rabbitmq',
    title: 'RabbitMQ',
    ordering: false,
    buriesAndAcknowledges: false,
    server: RABBITMQ,
    leastLeaseMs: 2000,
  },
  {
    kind: 'kafka',
    title: 'Kafka',
    ordering: true,
    buriesAndAcknowledges: false,
    server: KAFKA,
  },
  {
    kind: 'sqs',
    title: 'SQS',
    ordering: false,
    buriesAndAcknowledges: false,
    deadLettersApart: true,
    server: ELASTICMQ,
    leastLeaseMs: 2000,
  },
  {
    kind: 'microservices-rmq',
    title: 'Microservices over RabbitMQ',
    ordering: false,
    buriesAndAcknowledges: false,
    deadLettersApart: true,
    server: RABBITMQ,
    // Heartbeats are three seconds apart, and two may be missing.
    leastLeaseMs: 6000,
  },
  {
    kind: 'postgres',
    title: 'PostgreSQL',
    ordering: true,
    buriesAndAcknowledges: false,
    server: POSTGRES,
  },
  {
    kind: 'sqlite',
    title: 'SQLite',
    ordering: true,
    buriesAndAcknowledges: true,
    server: SQLITE,
  },
];

export const DURABLE_BACKENDS: readonly DurableBackend<TestServer>[] = [
  {
    kind: 'redis-streams',
    title: 'Redis Streams',
    ordering: true,
    buriesAndAcknowledges: true,
    server: REDIS,
  },
  { kind: 'bullmq', title: 'BullMQ', ordering: false, buriesAndAcknowledges: false, server: REDIS },
  {
    kind: 'nats-jetstream',
    title: 'NATS JetStream',
    ordering: false,
    buriesAndAcknowledges: false,
    server: NATS,
  },
];

export function durable(kind: BackendKind): DurableBackend {
  return [...DURABLE_BACKENDS, ...STORMS_ALONE].find((each) => each.kind === kind)!;
}
