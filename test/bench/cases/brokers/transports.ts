import type { Transport } from './transport.js';

/** Every way that is measured. Each loads what it needs and nothing else. */
const TRANSPORTS = {
  ours: async () => (await import('./redis/ours.js')).ours,
  oursKeyed: async () => (await import('./redis/ours.js')).oursKeyed,
  oursInbox: async () => (await import('./redis/ours.js')).oursInbox,
  oursOnPubSub: async () => (await import('./redis/ours.js')).oursOnPubSub,
  oursOnBullmq: async () => (await import('./redis/ours-on-bullmq.js')).oursOnBullmq,
  raw: async () => (await import('./redis/raw.js')).raw,
  rawPubSub: async () => (await import('./redis/raw-pub-sub.js')).rawPubSub,
  bullmq: async () => (await import('./redis/bullmq.js')).bullmq,
  bullmqBulk: async () => (await import('./redis/bullmq.js')).bullmqBulk,
  moleculer: async () => (await import('./redis/moleculer.js')).moleculer,
  nestRedis: async () => (await import('./nest-microservice.js')).nestRedis,
  oursOnSqlite: async () => (await import('./sqlite/ours.js')).oursOnSqlite,
  rawSqlite: async () => (await import('./sqlite/raw.js')).rawSqlite,
  oursOnPostgres: async () => (await import('./postgres/ours.js')).oursOnPostgres,
  rawPostgres: async () => (await import('./postgres/raw.js')).rawPostgres,
  pgBoss: async () => (await import('./postgres/pg-boss.js')).pgBoss,
  oursOnJetStream: async () => (await import('./nats/ours.js')).oursOnJetStream,
  oursOnNats: async () => (await import('./nats/ours.js')).oursOnNats,
  rawJetStream: async () => (await import('./nats/raw.js')).rawJetStream,
  rawNats: async () => (await import('./nats/raw.js')).rawNats,
  nestNats: async () => (await import('./nest-microservice.js')).nestNats,
  oursOnRabbitMQ: async () => (await import('./rabbitmq/ours.js')).oursOnRabbitMQ,
  rawRabbitMQ: async () => (await import('./rabbitmq/raw.js')).rawRabbitMQ,
  golevelup: async () => (await import('./rabbitmq/golevelup.js')).golevelup,
  nestRabbitMQ: async () => (await import('./nest-microservice.js')).nestRabbitMQ,
  oursOnKafka: async () => (await import('./kafka/ours.js')).oursOnKafka,
  rawKafka: async () => (await import('./kafka/raw.js')).rawKafka,
  rawKafkaStream: async () => (await import('./kafka/raw.js')).rawKafkaStream,
  nestKafka: async () => (await import('./kafka/nest.js')).nestKafka,
  oursOnSqs: async () => (await import('./sqs/ours.js')).oursOnSqs,
  rawSqs: async () => (await import('./sqs/raw.js')).rawSqs,
  oursOverNestRedis: async () => (await import('./microservices/ours.js')).oursOverNestRedis,
  oursOverNestNats: async () => (await import('./microservices/ours.js')).oursOverNestNats,
  oursOverNestRabbitMQ: async () => (await import('./microservices/ours.js')).oursOverNestRabbitMQ,
} satisfies Record<string, () => Promise<Transport>>;

export type TransportName = keyof typeof TRANSPORTS;

/** Loads the one that is asked for. */
export function transportNamed(name: TransportName): Promise<Transport> {
  return TRANSPORTS[name]();
}
