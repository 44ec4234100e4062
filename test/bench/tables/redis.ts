import type { RedisCase } from '../cases/redis/measurements.js';
import type { TransportName } from '../cases/redis/transport.js';
import type { Case, CaseInput, Sample, Table } from '../harness/table.js';

const PAYLOAD_BYTES = 200;
/** BullMQ takes so long for an event that a part of them measures as long. */
const BULLMQ_PART = 0.15;
const PER_SECOND = 500;

type Measurements = typeof import('../cases/redis/measurements.js');
type Measure = (measurements: Measurements, redis: RedisCase, input: CaseInput) => Promise<Sample>;

/** What tells one pair of processes from another. */
export interface EndToEnd {
  readonly inFlight: number;
  readonly payloadBytes?: number;
  readonly server?: string;
  readonly mostEvents?: number;
}

const END_TO_END_TITLES: Record<TransportName, string> = {
  ours: 'emitAsync to handler',
  raw: 'auto-pipelined XADD to XREADGROUP COUNT 100',
  bullmq: 'BullMQ add, worker concurrency 100',
  bullmqBulk: 'BullMQ addBulk of 100, worker concurrency 100',
};

function redisCase(
  transport: TransportName,
  title: string,
  measure: Measure,
  { server = 'redis', payloadBytes = PAYLOAD_BYTES }: Partial<EndToEnd> = {},
): Case {
  return {
    key: transport,
    title,
    run: async (input) => {
      const link = { url: input.servers[server]!, payloadBytes };
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
      redisCase('ours', 'emitAsync', measure),
      redisCase('raw', 'ioredis XADD, auto-pipelined', measure),
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
      redisCase('ours', 'RedisStreamsBackend, concurrency 100', measure),
      redisCase('raw', 'XREADGROUP COUNT 100 and one XACK per batch', measure),
    ],
    comparisons: [{ of: 'ours', over: 'raw', atLeast: 0.8 }],
  };
}

/** One kind of producer and consumer, a process each. */
export function endToEndCase(transport: TransportName, options: EndToEnd): Case {
  const { inFlight, mostEvents = Infinity } = options;
  const part = transport.startsWith('bullmq') ? BULLMQ_PART : 1;
  const measure: Measure = ({ measureEndToEnd }, redis, { effort }) =>
    measureEndToEnd(redis, Math.ceil(Math.min(effort.events * part, mostEvents)), inFlight);
  return redisCase(transport, END_TO_END_TITLES[transport], measure, options);
}

function endToEnd(inFlight: number): Table {
  const transports: TransportName[] = ['ours', 'raw', 'bullmq', 'bullmqBulk'];
  return {
    id: `redis/end-to-end-${inFlight}`,
    title: `a producer process to a consumer process, ${inFlight} in flight, ${PAYLOAD_BYTES}-byte payloads`,
    servers: ['redis'],
    cases: transports.map((transport) => endToEndCase(transport, { inFlight })),
    comparisons: [
      { of: 'ours', over: 'raw', atLeast: 1 },
      { of: 'ours', over: 'bullmq', atLeast: 8 },
      { of: 'ours', over: 'bullmqBulk', atLeast: 8 },
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
  const measure: Measure = ({ measureLatency }, redis, { effort }) =>
    measureLatency(redis, PER_SECOND, effort.measureMs * 4);
  const transports: TransportName[] = ['ours', 'raw', 'bullmq'];
  return {
    id: 'redis/latency',
    title: `from emit in one process to handler in another at ${PER_SECOND} events per second`,
    servers: ['redis'],
    cases: transports.map((transport) => redisCase(transport, END_TO_END_TITLES[transport], measure)),
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
  endToEndOnDisk(100),
  latency(),
];
