import type { Case, CaseInput, Sample, Table } from '../harness/table.js';

type Cases = typeof import('../cases/event-store.js');
type StreamCases = typeof import('../cases/event-streams.js');

const LOGS = [
  { key: 'ours', title: 'PostgresEventStore' },
  { key: 'byHand', title: 'pg: INSERT and SELECT by hand, same table and indexes' },
] as const;
const COPY = { key: 'copy', title: 'pg-copy-streams: COPY, same table and indexes' } as const;
type Log = (typeof LOGS)[number]['key'] | 'copy';

const STREAMS = [
  { key: 'ours', title: 'PostgresEventStore' },
  { key: 'emmett', title: '@event-driven-io/emmett-postgresql' },
] as const;

function eventStoreTable(
  what: string,
  title: string,
  atLeast: number,
  measure: (cases: Cases, log: Log, input: CaseInput) => Promise<Sample>,
  logs: readonly { readonly key: Log; readonly title: string }[] = LOGS,
): Table {
  return {
    id: `event-store/${what}`,
    title,
    servers: ['postgres'],
    cases: logs.map(({ key, title }): Case => ({
      key,
      title,
      run: async (input) => measure(await import('../cases/event-store.js'), key, input),
    })),
    comparisons: [
      { of: 'ours', over: 'byHand', atLeast },
      ...(logs.length > 2 ? [{ of: 'ours', over: 'copy' }] : []),
    ],
  };
}

function batches(size: number): Table {
  return eventStoreTable(
    `append-${size}`,
    `appending batches of ${size} to PostgreSQL, one after the other`,
    0.5,
    ({ measureBatches, ...cases }, log, { servers, effort }) =>
      measureBatches(cases[log], size, servers['postgres']!, effort),
    [...LOGS, COPY],
  );
}

function streamTable(
  what: string,
  title: string,
  measure: (cases: StreamCases, streams: 'ours' | 'emmett', input: CaseInput) => Promise<Sample>,
): Table {
  return {
    id: `event-store/${what}`,
    title,
    servers: ['postgres'],
    cases: STREAMS.map(({ key, title }): Case => ({
      key,
      title,
      run: async (input) => measure(await import('../cases/event-streams.js'), key, input),
    })),
    comparisons: [{ of: 'ours', over: 'emmett', atLeast: 1 }],
  };
}

/** An event store in PostgreSQL. */
export const eventStore: readonly Table[] = [
  eventStoreTable(
    'append-single',
    'appending events one by one to PostgreSQL, 100 in flight',
    1,
    ({ measureSingles, ...cases }, log, { servers, effort }) =>
      measureSingles(cases[log], servers['postgres']!, effort),
  ),
  batches(100),
  batches(1000),
  eventStoreTable(
    'read',
    'reading 20,000 events from PostgreSQL',
    0.5,
    ({ measureReads, ...cases }, log, { servers, effort }) =>
      measureReads(cases[log], servers['postgres']!, effort),
  ),
  streamTable(
    'streams-1',
    'beginning streams of one event in PostgreSQL, 100 in flight',
    ({ measureSingles, ...cases }, streams, { servers, effort }) =>
      measureSingles(cases[streams], servers['postgres']!, effort),
  ),
  streamTable(
    'streams-100',
    'beginning streams of 100 events in PostgreSQL, one after the other',
    ({ measureBatches, ...cases }, streams, { servers, effort }) =>
      measureBatches(cases[streams], 100, servers['postgres']!, effort),
  ),
  streamTable(
    'read-stream',
    'reading a stream of 1000 events from PostgreSQL',
    ({ measureReads, ...cases }, streams, { servers, effort }) =>
      measureReads(cases[streams], servers['postgres']!, effort),
  ),
];
