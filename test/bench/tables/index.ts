import type { Table } from '../harness/table.js';
import { bullmq } from './bullmq.js';
import { costs } from './costs.js';
import { curves } from './curves.js';
import { eventStore } from './event-store.js';
import { inprocess } from './inprocess.js';
import { kafka } from './kafka.js';
import { memory } from './memory.js';
import { microservices } from './microservices.js';
import { nats } from './nats.js';
import { postgres } from './postgres.js';
import { rabbitmq } from './rabbitmq.js';
import { redis } from './redis.js';
import { sqlite } from './sqlite.js';
import { sqs } from './sqs.js';
import { trouble } from './trouble.js';

/** Every table, in the order of the report. */
export const tables: readonly Table[] = [
  ...inprocess,
  ...memory,
  ...redis,
  ...bullmq,
  ...sqlite,
  ...postgres,
  ...eventStore,
  ...nats,
  ...rabbitmq,
  ...kafka,
  ...sqs,
  ...microservices,
  ...costs,
  ...trouble,
  ...curves,
];
