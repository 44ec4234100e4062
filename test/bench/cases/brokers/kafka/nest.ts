import { Transport as Kind } from '@nestjs/microservices';
import { microservice } from '../nest-microservice.js';
import { brokersOf, makeTopic, PARTITIONS, removeTopics } from './topics.js';

/** Over a topic of Kafka by KafkaJS: acknowledged by all replicas, read from the first message on. */
export const nestKafka = microservice({
  options: (link) => ({
    transport: Kind.KAFKA,
    options: {
      client: { brokers: brokersOf(link) },
      consumer: { groupId: link.namespace },
      subscribe: { fromBeginning: true },
      run: { partitionsConsumedConcurrently: PARTITIONS },
      producerOnlyMode: true,
    },
  }),
  pattern: ({ namespace }) => namespace,
  prepare: makeTopic,
  remove: removeTopics,
});
