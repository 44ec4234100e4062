import type { TransportName } from '../cases/brokers/transports.js';
import type { Table } from '../harness/table.js';
import { latencyOf, PER_SECOND } from './broker.js';
import { endToEndCase, redisCase } from './redis.js';

/** What we may cost beside the envelope, the dispatcher and everything else that plain BullMQ does not do. */
const AT_LEAST = 0.85;
/** BullMQ takes so long for a job that a part of the events measures as long. */
const PART = 0.15;

const TITLES: Partial<Record<TransportName, string>> = {
  oursOnBullmq: 'BullMQBackend, emitAsync',
  bullmq: 'BullMQ, add',
  bullmqBulk: 'BullMQ, addBulk of 100',
};

function titleOf(transport: TransportName): string {
  return TITLES[transport]!;
}

function publishing(inFlight: number): Table {
  const of = (transport: TransportName) =>
    redisCase(transport, titleOf(transport), ({ measurePublishing }, redis, { effort }) =>
      measurePublishing(redis, inFlight, effort),
    );
  return {
    id: `bullmq/publish-${inFlight}`,
    title: `add jobs, ${inFlight} in flight`,
    servers: ['redis'],
    cases: [of('oursOnBullmq'), of('bullmq'), of('bullmqBulk')],
    comparisons: [
      { of: 'oursOnBullmq', over: 'bullmq', atLeast: AT_LEAST },
      { of: 'oursOnBullmq', over: 'bullmqBulk' },
    ],
  };
}

function consuming(): Table {
  const of = (transport: TransportName) =>
    redisCase(transport, titleOf(transport), ({ measureConsuming }, redis, { effort }) =>
      measureConsuming(redis, Math.ceil(effort.events * PART)),
    );
  return {
    id: 'bullmq/consume',
    title: 'work off a backlog of jobs, concurrency 100, a handler that does nothing',
    servers: ['redis'],
    cases: [of('oursOnBullmq'), of('bullmq')],
    comparisons: [{ of: 'oursOnBullmq', over: 'bullmq', atLeast: AT_LEAST }],
  };
}

function endToEnd(inFlight: number): Table {
  return {
    id: `bullmq/end-to-end-${inFlight}`,
    title: `a producer process to a consumer process through BullMQ, ${inFlight} in flight`,
    servers: ['redis'],
    cases: (['oursOnBullmq', 'bullmq', 'bullmqBulk'] as const).map((transport) =>
      endToEndCase(transport, { inFlight }),
    ),
    comparisons: [
      { of: 'oursOnBullmq', over: 'bullmq', atLeast: AT_LEAST },
      { of: 'oursOnBullmq', over: 'bullmqBulk' },
    ],
  };
}

function latency(): Table {
  return {
    id: 'bullmq/latency',
    title: `from emit in one process to handler in another through BullMQ at ${PER_SECOND} events per second`,
    servers: ['redis'],
    cases: (['oursOnBullmq', 'bullmq'] as const).map((transport) =>
      redisCase(transport, titleOf(transport), latencyOf),
    ),
    comparisons: [{ of: 'oursOnBullmq', over: 'bullmq', metric: 'p99Ms', atMost: 5 }],
  };
}

/** Our backend on BullMQ beside BullMQ itself with the same settings. */
export const bullmq: readonly Table[] = [
  publishing(1),
  publishing(100),
  consuming(),
  endToEnd(100),
  latency(),
];
