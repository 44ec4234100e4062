/** A server that carries events, and how to reach it. */
export interface Server {
  /** Environment variable that says where it is. */
  readonly variable: string;
  /** Where it is unless the variable is set. */
  readonly url: string;
  /** How to have one there. */
  readonly start: string;
}

export const POSTGRES: Server = {
  variable: 'POSTGRES_URL',
  url: 'postgresql://postgres:postgres@localhost:5432/postgres',
  start: 'docker run --rm -p 5432:5432 -e POSTGRES_PASSWORD=postgres postgres:17',
};

export const REDIS: Server = {
  variable: 'REDIS_URL',
  url: 'redis://localhost:6379',
  start: 'docker run --rm -p 6379:6379 redis:7 --appendonly yes --appendfsync always',
};

export const NATS: Server = {
  variable: 'NATS_URL',
  url: 'nats://localhost:4222',
  start: 'docker run --rm -p 4222:4222 nats:2 --jetstream',
};

export const RABBITMQ: Server = {
  variable: 'AMQP_URL',
  url: 'amqp://localhost:5672',
  start: 'docker run --rm -p 5672:5672 rabbitmq:4',
};

export const KAFKA: Server = {
  variable: 'KAFKA_BROKERS',
  url: 'localhost:9092',
  start: 'docker run --rm -p 9092:9092 apache/kafka:4.1.1',
};

export const SQS: Server = {
  variable: 'SQS_ENDPOINT',
  // ElasticMQ takes any credentials, but the AWS SDK wants some.
  url: 'http://local:local@localhost:9324',
  start: 'docker run --rm -p 9324:9324 softwaremill/elasticmq-native',
};
