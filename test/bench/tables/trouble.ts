import type { BrokerCase } from '../cases/brokers/measurements.js';
import type { TransportName } from '../cases/brokers/transports.js';
import type { Case, CaseInput, Sample, Table } from '../harness/table.js';
import { PAYLOAD_BYTES } from './broker.js';

const LEASE_MS = 1_000;
/** Of a full measurement; a quick one has a part of it. */
const WAITING = 100_000;
const EVENTS_OF_FULL_EFFORT = 60_000;
/** How much of what a process grows by is the garbage of the day. */
const TOLERATED_MIB = 32;

const TITLES: ReadonlyMap<TransportName, string> = new Map([
  ['ours', 'RedisStreamsBackend'],
  ['oursOnBullmq', 'BullMQBackend'],
]);

type Trouble = typeof import('../cases/brokers/trouble.js');

function troubleCase(
  key: string,
  transport: TransportName,
  title: string,
  measure: (trouble: Trouble, redis: BrokerCase, input: CaseInput) => Promise<Sample>,
): Case {
  return {
    key,
    title,
    run: async (input) => {
      const link = { url: input.servers['redis']!, namespace: 'bench', payloadBytes: PAYLOAD_BYTES };
      return measure(await import('../cases/brokers/trouble.js'), { transport, link }, input);
    },
  };
}

function recovery(): Table {
  const of = (transport: TransportName, title: string) =>
    troubleCase(transport, transport, title, ({ measureRecovery }, redis) =>
      measureRecovery(redis, LEASE_MS),
    );
  return {
    id: 'trouble/recovery',
    title: `a consumer is killed with 100 events in work, lease ${LEASE_MS} ms: until another has done them, less the lease`,
    servers: ['redis'],
    cases: [
      ...[...TITLES].map(([transport, title]) => of(transport, title)),
      of('bullmq', 'BullMQ, lockDuration and stalledInterval as the lease'),
    ],
    comparisons: [],
  };
}

function growth(): Table {
  const of = (transport: TransportName, waiting: number, title: string) =>
    troubleCase(
      `${transport}-${waiting}`,
      transport,
      `${title}, ${waiting} waiting`,
      (trouble, redis, { effort }) =>
        trouble.measureGrowth(redis, Math.ceil((waiting * effort.events) / EVENTS_OF_FULL_EFFORT)),
    );
  const few = WAITING / 100;
  return {
    id: 'trouble/growth',
    title: 'the process of a consumer with a slow handler, concurrency 100, while events pile up',
    servers: ['redis'],
    cases: [...TITLES].flatMap(([transport, title]) => [
      of(transport, few, title),
      of(transport, WAITING, title),
    ]),
    comparisons: [...TITLES.keys()].map((transport) => ({
      of: `${transport}-${WAITING}`,
      over: `${transport}-${few}`,
      metric: 'growthMiB',
      atMost: TOLERATED_MIB,
    })),
  };
}

/** When something goes wrong: a consumer dies, or cannot keep up. */
export const trouble: readonly Table[] = [recovery(), growth()];
