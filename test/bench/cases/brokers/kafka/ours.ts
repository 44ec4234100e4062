import { KafkaBackend } from 'nestjs-durable-events/kafka';
import { nestTransport } from '../nest-application.js';
import { removeTopics } from './topics.js';

const CONCURRENCY = 100;

/** Through a topic with six partitions. */
export const oursOnKafka = nestTransport({
  backend: ({ url, namespace }) =>
    new KafkaBackend({ connection: url, namespace, group: 'bench', concurrency: CONCURRENCY }),
  remove: removeTopics,
});
