import { randomBytes } from 'node:crypto';
import type { BrokerCase } from '../cases/brokers/measurements.js';
import type { TransportName } from '../cases/brokers/transports.js';
import type { Case, CaseInput, Sample, Speedup, Table } from '../harness/table.js';

export const PAYLOAD_BYTES = 200;
export const PER_SECOND = 500;
/** Of a full effort, what a latency is measured for, in times of a plain measurement. */
const LATENCY_LENGTH = 4;

type Measurements = typeof import('../cases/brokers/measurements.js');
export type Measure = (measurements: Measurements, broker: BrokerCase, input: CaseInput) => Promise<Sample>;

/** From emit to handler at {@link PER_SECOND}. */
export const latencyOf: Measure = ({ measureLatency }, broker, { effort }) =>
  measureLatency(broker, PER_SECOND, effort.measureMs * LATENCY_LENGTH);

/** What is published or handled, and where. */
export interface CaseOptions {
  readonly server: string;
  readonly payloadBytes?: number;
}

/** One kind of producer and consumer over one server. */
export function brokerCase(
  transport: TransportName,
  title: string,
  measure: Measure,
  { server, payloadBytes = PAYLOAD_BYTES }: CaseOptions,
): Case {
  return {
    key: transport,
    title,
    run: async (input) => {
      const namespace = `bench${randomBytes(6).toString('hex')}`;
      const link = { url: input.servers[server]!, namespace, payloadBytes };
      return measure(await import('../cases/brokers/measurements.js'), { transport, link }, input);
    },
  };
}

/** One of those that are measured over a broker. */
export interface Contender {
  readonly transport: TransportName;
  readonly title: string;
  /** The part of the events that measures as long, where it is much slower or faster than others. Default 1. */
  readonly part?: number;
  /** Whether its consumer is that of another contender, so that it says nothing about working off a backlog. Default false. */
  readonly onlyPublishes?: boolean;
}

/** What ours is to reach beside another one, in the median. Ratios of what is left out are only told. */
export interface Mark {
  /** By how many are under way at once. */
  readonly publish?: Readonly<Record<number, number>>;
  /** Working off a backlog; without one, from process to process. */
  readonly consume?: number;
  readonly endToEnd?: number;
  /** Milliseconds that the 99th percentile may be longer. */
  readonly latencyP99Ms?: number;
}

/** A broker and those who use it. */
export interface BrokerGroup {
  /** First part of the ids of its tables. */
  readonly group: string;
  /** How titles call it. */
  readonly broker: string;
  readonly server: string;
  readonly ours: Contender;
  /** The client, used plainly, and what a Nest application would have instead of ours. */
  readonly others: readonly (Contender & { readonly mark?: Mark })[];
  /** Whether what nobody consumes yet is kept. Default true. */
  readonly keeps?: boolean;
}

const IN_FLIGHT = [1, 100, 1_000];

/** The same tables for each broker: publish, consume, from process to process, latency. */
export function brokerTables(group: BrokerGroup): Table[] {
  const keeping = group.keeps === false ? [] : [consuming(group)];
  return [...IN_FLIGHT.map((count) => publishing(group, count)), ...keeping, endToEnd(group), latency(group)];
}

function publishing(group: BrokerGroup, inFlight: number): Table {
  return table(
    group,
    `publish-${inFlight}`,
    `publish, ${inFlight} in flight`,
    () =>
      ({ measurePublishing }, broker, { effort }) =>
        measurePublishing(broker, inFlight, effort),
    ({ publish }) => publish?.[inFlight],
  );
}

function consuming(group: BrokerGroup): Table {
  return table(
    { ...group, others: group.others.filter(({ onlyPublishes }) => onlyPublishes !== true) },
    'consume',
    'work off a backlog, a handler that does nothing',
    (events) =>
      ({ measureConsuming }, broker, input) =>
        measureConsuming(broker, events(input)),
    ({ consume }) => consume,
  );
}

function endToEnd(group: BrokerGroup): Table {
  return table(
    group,
    'end-to-end-100',
    'a producer process to a consumer process, 100 in flight',
    (events) =>
      ({ measureEndToEnd }, broker, input) =>
        measureEndToEnd(broker, events(input), 100),
    (mark) => mark.endToEnd,
  );
}

function latency(group: BrokerGroup): Table {
  const measured = table(
    group,
    'latency',
    `from emit in one process to handler in another at ${PER_SECOND} events per second`,
    () => latencyOf,
    () => undefined,
  );
  const comparisons = group.others.flatMap(({ transport: over, mark }) =>
    mark?.latencyP99Ms === undefined
      ? []
      : [{ of: group.ours.transport, over, metric: 'p99Ms' as const, atMost: mark.latencyP99Ms }],
  );
  return { ...measured, comparisons };
}

type Events = (input: CaseInput) => number;

function table(
  { group, broker, server, ours, others }: BrokerGroup,
  id: string,
  title: string,
  measure: (events: Events) => Measure,
  markOf: (mark: Mark) => number | undefined,
): Table {
  const comparisons = others.map(({ transport: over, mark = {} }): Speedup => {
    const atLeast = markOf(mark);
    return { of: ours.transport, over, ...(atLeast !== undefined && { atLeast }) };
  });
  return {
    id: `${group}/${id}`,
    title: `${broker}: ${title}, ${PAYLOAD_BYTES}-byte payloads`,
    servers: [server],
    cases: [ours, ...others].map(({ transport, title, part = 1 }) => {
      const events: Events = ({ effort }) => Math.ceil(effort.events * part);
      return brokerCase(transport, title, measure(events), { server });
    }),
    comparisons,
  };
}
