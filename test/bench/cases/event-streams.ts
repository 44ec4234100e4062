import { randomUUID } from 'node:crypto';
import { createEvent } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { measureLoop } from '../harness/measure.js';
import type { Effort, Sample } from '../harness/table.js';
import { peer } from './brokers/peers.js';

const IN_FLIGHT = 100;
const STREAM = 1000;
const text = 'x'.repeat(150);

/** What is needed of an event of either store. */
interface Fact {
  readonly type: string;
  readonly data: object;
}

/** Something that keeps streams of events. */
interface Streams {
  /** Begins a new stream with these events. */
  readonly begin: (streamId: string, events: readonly Fact[]) => Promise<unknown>;
  /** Reads a stream, and says how many events it has. */
  readonly read: (streamId: string) => Promise<number>;
  readonly close: () => Promise<unknown>;
}

type OpenStreams = (url: string) => Promise<Streams>;

/** As aggregates use it. */
export const ours: OpenStreams = async (connection) => {
  const store = new PostgresEventStore({ connection });
  await store.open();
  return {
    begin: (streamId, events) =>
      store.appendBatch(
        events.map(({ type, data }) => createEvent(type, data)),
        { streamId, expectedVersion: 'no-stream' },
      ),
    read: async (streamId) => {
      let count = 0;
      for await (const { data } of store.loadStream(streamId)) if (data !== undefined) count++;
      return count;
    },
    close: () => store.close(),
  };
};

interface EmmettStore {
  readonly schema: { migrate(): Promise<unknown> };
  appendToStream(
    name: string,
    events: readonly Fact[],
    options: { expectedStreamVersion: string },
  ): Promise<unknown>;
  readStream(name: string): Promise<{ readonly events: readonly unknown[] }>;
  close(): Promise<void>;
}

/** Emmett with its defaults, its tables made before. */
export const emmett: OpenStreams = async (url) => {
  const { getPostgreSQLEventStore } = peer<{ getPostgreSQLEventStore: (url: string) => EmmettStore }>(
    '@event-driven-io/emmett-postgresql',
  );
  const store = getPostgreSQLEventStore(url);
  await store.schema.migrate();
  return {
    begin: (name, events) =>
      store.appendToStream(name, events, { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' }),
    read: async (name) => (await store.readStream(name)).events.length,
    close: () => store.close(),
  };
};

function facts(count: number): Fact[] {
  return Array.from({ length: count }, (_, n) => ({ type: 'order.placed', data: { n, text } }));
}

async function withStreams<T>(
  open: OpenStreams,
  url: string,
  use: (streams: Streams) => Promise<T>,
): Promise<T> {
  const streams = await open(url);
  try {
    return await use(streams);
  } finally {
    await streams.close();
  }
}

/** Begins streams of one event, a hundred calls in flight. */
export function measureSingles(open: OpenStreams, url: string, effort: Effort): Promise<Sample> {
  return withStreams(open, url, ({ begin }) =>
    measureLoop(effort, IN_FLIGHT, async (count) => {
      await Promise.all(facts(count).map((fact) => begin(randomUUID(), [fact])));
    }),
  );
}

/** Begins streams of so many events, one after the other. */
export function measureBatches(
  open: OpenStreams,
  size: number,
  url: string,
  effort: Effort,
): Promise<Sample> {
  return withStreams(open, url, ({ begin }) =>
    measureLoop(effort, size, async (count) => {
      await begin(randomUUID(), facts(count));
    }),
  );
}

/** Reads a stream of a thousand events. */
export function measureReads(open: OpenStreams, url: string, effort: Effort): Promise<Sample> {
  return withStreams(open, url, async ({ begin, read }) => {
    const streamId = randomUUID();
    await begin(streamId, facts(STREAM));
    return measureLoop(effort, STREAM, async (wanted) => {
      const count = await read(streamId);
      if (count !== wanted) throw new Error(`${count} of ${wanted} events were read.`);
    });
  });
}
