import { brokerTables } from './broker.js';

/** So many events that one answer of the broker, of which all is parsed before any is handled, is a small part of them. */
const PART = 2;

/** Through a topic of Kafka with six partitions; confirmed by all replicas, of which there is one. */
export const kafka = brokerTables({
  group: 'kafka',
  broker: 'Kafka',
  server: 'kafka',
  ours: { transport: 'oursOnKafka', title: 'KafkaBackend', part: PART },
  others: [
    {
      transport: 'rawKafka',
      title: '@platformatic/kafka: send for each',
      part: 0.2,
      onlyPublishes: true,
      mark: { publish: { 100: 0.8 }, latencyP99Ms: 5 },
    },
    {
      transport: 'rawKafkaStream',
      title: '@platformatic/kafka: streams, batches of 100, idempotent',
      part: PART,
      mark: { consume: 0.7, latencyP99Ms: 5 },
    },
    {
      transport: 'nestKafka',
      title: '@nestjs/microservices, Kafka (KafkaJS)',
      part: 0.2,
      mark: { publish: { 100: 1 }, consume: 1, endToEnd: 1 },
    },
  ],
});
