import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Pool } from 'pg';
import { createEvent, type Event } from 'nestjs-durable-events';
import { eventStoreSql, PostgresEventStore } from 'nestjs-durable-events/postgres';
import { measureLoop } from '../harness/measure.js';
import type { Effort, Sample } from '../harness/table.js';
import { peer } from './brokers/peers.js';

const CONNECTIONS = 10;
const IN_FLIGHT = 100;
const STORED = 20_000;
const PAGE = 500;
const text = 'x'.repeat(150);

/** Something that keeps events. */
interface Log {
  /** Appends them together, or each by itself. */
  readonly append: (events: readonly Event[]) => Promise<unknown>;
  /** Reads all, and says how many. */
  readonly read: () => Promise<number>;
  readonly close: () => Promise<unknown>;
}

type MakeLog = (pool: Pool, table: string) => Promise<Log>;

function someEvents(count: number): Event[] {
  return Array.from({ length: count }, (_, n) => createEvent('order.placed', { n, text }));
}

/** As applications use it. */
export const ours: MakeLog = async (pool, table) => {
  const store = new PostgresEventStore({ connection: pool, table });
  await store.open();
  return {
    append: (events) => store.appendBatch(events),
    read: async () => {
      let count = 0;
      for await (const { data } of store.load()) if (data !== undefined) count++;
      return count;
    },
    close: () => store.close(),
  };
};

/**
 * What one would write by hand for the same table with the same indexes: one INSERT for what is given, in the order of a
 * serial number, which readers cannot follow safely; no versions, no check for what is there.
 */
export const byHand: MakeLog = async (pool, table) => {
  await pool.query(eventStoreSql({ table }));
  const insert = `
INSERT INTO ${table} (id, event_type, source, data, "timestamp", created_at, version, correlation_id, transaction_id)
SELECT id, type, source, data::jsonb, at, now(), 1, id, 1
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS given (id, type, source, data, at)`;
  const select = `SELECT id, event_type, source, data, "timestamp", position FROM ${table}
WHERE (transaction_id, position) > (1, $1::bigint) ORDER BY transaction_id, position LIMIT ${PAGE}`;
  return {
    append: (events) =>
      pool.query({
        name: 'insert',
        text: insert,
        values: [
          events.map(({ id }) => id),
          events.map(({ type }) => type),
          events.map(({ source }) => source),
          events.map(({ data }) => JSON.stringify(data)),
          events.map(({ createdAt }) => createdAt),
        ],
      }),
    read: async () => {
      let [count, last] = [0, '0'];
      for (;;) {
        const { rows } = await pool.query<{ position: string }>({
          name: 'select',
          text: select,
          values: [last],
        });
        count += rows.length;
        if (rows.length < PAGE) return count;
        last = rows.at(-1)!.position;
      }
    },
    close: () => Promise.resolve(),
  };
};

/** As by hand, but through COPY, the fastest way into PostgreSQL. Events that are there already are an error of all. */
export const copy: MakeLog = async (pool, table) => {
  const { from } = peer<{ from: (text: string) => Writable }>('pg-copy-streams');
  const log = await byHand(pool, table);
  const columns =
    'id, event_type, source, data, "timestamp", created_at, version, correlation_id, transaction_id';
  return {
    ...log,
    append: async (events) => {
      const client = await pool.connect();
      try {
        const target = client.query(
          from(`COPY ${table} (${columns}) FROM STDIN`) as never,
        ) as unknown as Writable;
        const now = new Date().toISOString();
        target.end(events.map((event) => lineOf(event, now)).join(''));
        await finished(target);
      } finally {
        client.release();
      }
    },
  };
};

function lineOf({ id, type, source, data, createdAt }: Event, now: string): string {
  const fields = [id, type, source, JSON.stringify(data), createdAt.toISOString(), now, 1, id, 1];
  return `${fields.join('\t').replaceAll('\\', '\\\\')}\n`;
}

async function withLog<T>(make: MakeLog, url: string, use: (log: Log) => Promise<T>): Promise<T> {
  const pool = new Pool({ connectionString: url, max: CONNECTIONS });
  const table = `bench_${randomUUID().slice(0, 8)}`;
  const log = await make(pool, table);
  try {
    return await use(log);
  } finally {
    await log.close();
    const parts = ['', '_base', '_checkpoints', '_snapshots'].map((part) => table + part);
    await pool.query(`DROP TABLE ${parts.join(', ')}`);
    await pool.end();
  }
}

/** Appends event by event, a hundred calls in flight. */
export function measureSingles(make: MakeLog, url: string, effort: Effort): Promise<Sample> {
  return withLog(make, url, (log) =>
    measureLoop(effort, IN_FLIGHT, async (count) => {
      await Promise.all(someEvents(count).map((event) => log.append([event])));
    }),
  );
}

/** Appends batches, one after the other. */
export function measureBatches(make: MakeLog, size: number, url: string, effort: Effort): Promise<Sample> {
  return withLog(make, url, (log) =>
    measureLoop(effort, size, async (count) => {
      await log.append(someEvents(count));
    }),
  );
}

/** Reads all there is. */
export function measureReads(make: MakeLog, url: string, effort: Effort): Promise<Sample> {
  return withLog(make, url, async (log) => {
    for (let i = 0; i < STORED; i += 1000) await log.append(someEvents(1000));
    return measureLoop(effort, STORED, async (wanted) => {
      const count = await log.read();
      if (count !== wanted) throw new Error(`${count} of ${wanted} events were read.`);
    });
  });
}
