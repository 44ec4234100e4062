import type { RedisCase } from '../cases/redis/measurements.js';
import type { TransportName } from '../cases/redis/transport.js';
import type { Case, CaseInput, Sample, Table } from '../harness/table.js';

const PAYLOAD_BYTES = 200;
/** BullMQ takes so long for an event that a part of them measures as long. */
const BULLMQ_PART = 0.15;
const PER_SECOND = 500;

type Measurements = typeof import('../cases/redis/measurements.js');
type Measure = (measurements: Measurements, redis: RedisCase, input: CaseInput) => Promise<Sample>;

function redisCase(transport: TransportName, title: string, server: string, measure: Measure): Case {
  return {
    key: transport,
    title,
    run: async (input) => {
      const link = { url: input.servers[server]!, payloadBytes: PAYLOAD_BYTES };
      return measure(await import('../cases/redis/measurements.js'), { transport, link }, input);
    },
  };
}

function publishing(inFlight: number, atLeast?: number): Table {
  const measure: Measure = ({ measurePublishing }, redis, { effort }) =>
    measurePublishing(redis, inFlight, effort);
  return {
    id: `redis/publish-${inFlight}`,
    title: `publish to Redis, ${inFlight} in flight, ${PAYLOAD_BYTES}-byte payloads`,
    servers: ['redis'],
    cases: [
      redisCase('ours', 'emitAsync', 'redis', measure),
      redisCase('raw', 'ioredis XADD, auto-pipelined', 'redis', measure),
    ],
    comparisons: [{ of: 'ours', over: 'raw', atLeast }],
  };
}

function consuming(): Table {
  const measure: Measure = ({ measureConsuming }, redis, { effort }) =>
    measureConsuming(redis, effort.events);
  return {
    id: 'redis/consume',
    title: `work off a backlog, ${PAYLOAD_BYTES}-byte payloads, a handler that does nothing`,
    servers: ['redis'],
    cases: [
      redisCase('ours', 'RedisStreamsBackend, concurrency 100', 'redis', measure),
      redisCase('raw', 'ioredis XREADGROUP COUNT 100 and one XACK per batch', 'redis', measure),
    ],
    comparisons: [{ of: 'ours', over: 'raw', atLeast: 0.8 }],
  };
}

function endToEnd(inFlight: number, server = 'redis'): Table {
  const measure =
    (part: number): Measure =>
    ({ measureEndToEnd }, redis, { effort }) =>
      measureEndToEnd(redis, Math.ceil(effort.events * part), inFlight);
  const always = server !== 'redis';
  const pair = [
    redisCase('ours', 'emitAsync to handler', server, measure(1)),
    redisCase('raw', 'auto-pipelined XADD to XREADGROUP COUNT 100', server, measure(1)),
  ];
  const bullmq = [
    redisCase('bullmq', 'BullMQ add, worker concurrency 100', server, measure(BULLMQ_PART)),
    redisCase('bullmqBulk', 'BullMQ addBulk of 100, worker concurrency 100', server, measure(BULLMQ_PART)),
  ];
  return {
    id: `redis/end-to-end-${inFlight}${always ? '-fsync-always' : ''}`,
    title: `a producer process to a consumer process, ${inFlight} in flight${always ? ', appendfsync always' : ''}`,
    servers: [server],
    cases: always ? pair : [...pair, ...bullmq],
    comparisons: always
      ? [{ of: 'ours', over: 'raw' }]
      : [
          { of: 'ours', over: 'raw', atLeast: 1 },
          { of: 'ours', over: 'bullmq', atLeast: 8 },
          { of: 'ours', over: 'bullmqBulk', atLeast: 8 },
        ],
  };
}

function latency(): Table {
  const measure: Measure = ({ measureLatency }, redis, { effort }) =>
    measureLatency(redis, PER_SECOND, effort.measureMs * 4);
  return {
    id: 'redis/latency',
    title: `from emit in one process to handler in another at ${PER_SECOND} events per second`,
    servers: ['redis'],
    cases: [
      redisCase('ours', 'emitAsync to handler', 'redis', measure),
      redisCase('raw', 'auto-pipelined XADD to XREADGROUP COUNT 100', 'redis', measure),
      redisCase('bullmq', 'BullMQ add, worker concurrency 100', 'redis', measure),
    ],
    comparisons: [{ of: 'ours', over: 'raw', metric: 'p99Ms', atMost: 5 }],
  };
}

/** From process to process through Redis. */
export const redis: readonly Table[] = [
  publishing(1),
  publishing(100, 1.3),
  publishing(1_000, 2),
  consuming(),
  endToEnd(100),
  endToEnd(1_000),
  endToEnd(100, 'redis-fsync-always'),
  latency(),
];
