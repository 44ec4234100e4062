import type { TransportName } from '../cases/brokers/transports.js';
import type { Case, Table } from '../harness/table.js';
import { brokerCase, brokerTables, latencyOf, type Measure, PAYLOAD_BYTES, PER_SECOND } from './broker.js';

/** BullMQ takes so long for an event that a part of them measures as long; Moleculer as well. */
const SLOW_PART = 0.15;

/** What tells one pair of processes from another. */
export interface EndToEnd {
  readonly inFlight: number;
  readonly payloadBytes?: number;
  readonly server?: string;
  readonly mostEvents?: number;
}

const END_TO_END_TITLES: Partial<Record<TransportName, string>> = {
  ours: 'emitAsync to handler',
  oursKeyed: 'the same, each event with one of 100 keys',
  oursInbox: 'the same, with an inbox in the same Redis',
  oursOnBullmq: 'emitAsync to handler with BullMQBackend',
  raw: 'auto-pipelined XADD to XREADGROUP COUNT 100',
  bullmq: 'BullMQ add, worker concurrency 100',
  bullmqBulk: 'BullMQ addBulk of 100, worker concurrency 100',
  moleculer: '@moleculer/channels on Redis Streams, maxInFlight 100',
};

const SLOW: ReadonlySet<TransportName> = new Set(['oursOnBullmq', 'bullmq', 'bullmqBulk', 'moleculer']);

/** A case with the Redis of the tests. */
export function redisCase(
  transport: TransportName,
  title: string,
  measure: Measure,
  { server = 'redis', payloadBytes }: Partial<EndToEnd> = {},
): Case {
  return brokerCase(transport, title, measure, { server, payloadBytes });
}

function publishing(inFlight: number, atLeast?: number): Table {
  const measure: Measure = ({ measurePublishing }, broker, { effort }) =>
    measurePublishing(broker, inFlight, effort);
  return {
    id: `redis/publish-${inFlight}`,
    title: `publish to Redis, ${inFlight} in flight, ${PAYLOAD_BYTES}-byte payloads`,
    servers: ['redis'],
    cases: [
      redisCase('ours', 'emitAsync', measure),
      redisCase('raw', 'ioredis XADD, auto-pipelined', measure),
    ],
    comparisons: [{ of: 'ours', over: 'raw', atLeast }],
  };
}

function consuming(): Table {
  const measure: Measure = ({ measureConsuming }, broker, { effort }) =>
    measureConsuming(broker, effort.events);
  return {
    id: 'redis/consume',
    title: `work off a backlog, ${PAYLOAD_BYTES}-byte payloads, a handler that does nothing`,
    servers: ['redis'],
    cases: [
      redisCase('ours', 'RedisStreamsBackend, concurrency 100', measure),
      redisCase('raw', 'XREADGROUP COUNT 100 and one XACK per batch', measure),
    ],
    comparisons: [{ of: 'ours', over: 'raw', atLeast: 0.8 }],
  };
}

/** One kind of producer and consumer, a process each. */
export function endToEndCase(transport: TransportName, options: EndToEnd): Case {
  const { inFlight, mostEvents = Infinity } = options;
  const part = SLOW.has(transport) ? SLOW_PART : 1;
  const measure: Measure = ({ measureEndToEnd }, broker, { effort }) =>
    measureEndToEnd(broker, Math.ceil(Math.min(effort.events * part, mostEvents)), inFlight);
  return redisCase(transport, END_TO_END_TITLES[transport]!, measure, options);
}

function endToEnd(inFlight: number): Table {
  const transports: TransportName[] = ['ours', 'raw', 'bullmq', 'bullmqBulk', 'moleculer'];
  return {
    id: `redis/end-to-end-${inFlight}`,
    title: `a producer process to a consumer process, ${inFlight} in flight, ${PAYLOAD_BYTES}-byte payloads`,
    servers: ['redis'],
    cases: transports.map((transport) => endToEndCase(transport, { inFlight })),
    comparisons: [
      { of: 'ours', over: 'raw', atLeast: 1 },
      { of: 'ours', over: 'bullmq', atLeast: 8 },
      { of: 'ours', over: 'bullmqBulk', atLeast: 8 },
      { of: 'ours', over: 'moleculer', atLeast: 5 },
    ],
  };
}

function endToEndOnDisk(inFlight: number): Table {
  const server = 'redis-fsync-always';
  return {
    id: `redis/end-to-end-${inFlight}-fsync-always`,
    title: `the same with appendonly yes and appendfsync always, ${inFlight} in flight`,
    servers: [server],
    cases: [endToEndCase('ours', { inFlight, server }), endToEndCase('raw', { inFlight, server })],
    comparisons: [{ of: 'ours', over: 'raw' }],
  };
}

function latency(): Table {
  const transports: TransportName[] = ['ours', 'raw', 'bullmq'];
  return {
    id: 'redis/latency',
    title: `from emit in one process to handler in another at ${PER_SECOND} events per second`,
    servers: ['redis'],
    cases: transports.map((transport) => redisCase(transport, END_TO_END_TITLES[transport]!, latencyOf)),
    comparisons: [{ of: 'ours', over: 'raw', metric: 'p99Ms', atMost: 5 }],
  };
}

/** Through channels of Redis, which keep nothing. */
const pubSub = brokerTables({
  group: 'redis-pubsub',
  broker: 'Redis pub/sub',
  server: 'redis',
  keeps: false,
  ours: { transport: 'oursOnPubSub', title: 'RedisPubSubBackend' },
  others: [
    {
      transport: 'rawPubSub',
      title: 'ioredis: PUBLISH, auto-pipelined, and SUBSCRIBE',
      mark: { publish: { 100: 0.8 }, latencyP99Ms: 5 },
    },
    {
      transport: 'nestRedis',
      title: '@nestjs/microservices, Redis',
      mark: { publish: { 100: 1 }, endToEnd: 1 },
    },
  ],
});

/** From process to process through Redis. */
export const redis: readonly Table[] = [
  publishing(1),
  publishing(100, 1.3),
  publishing(1_000, 2),
  consuming(),
  endToEnd(100),
  endToEnd(1_000),
  endToEndOnDisk(100),
  latency(),
  ...pubSub,
];
