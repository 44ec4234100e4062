import { Logger } from '@nestjs/common';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Pool } from 'pg';
import { createEvent, createEventBus, type EventBus, type EventHandler } from 'nestjs-durable-events';
import { PostgresInbox } from 'nestjs-durable-events/postgres';
import { waitFor } from '../support/wait-for.js';
import { RedeliveringBackend } from '../unit/redelivering-backend.js';
import { usePostgres } from './use-postgres.js';

Logger.overrideLogger(false); // the failures below are meant

describe('a handler whose inbox is in its own database', () => {
  const postgres = usePostgres();
  const open: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });
  beforeAll(async () => {
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    await client.query(`create schema if not exists "${postgres.schema}"`);
    await client.query(`create table "${postgres.schema}".bookings (event_id text, note text)`);
    await client.end();
  });

  const insert = () => `insert into "${postgres.schema}".bookings (event_id, note) values ($1, $2)`;

  function pool(): Pool {
    const made = new Pool({ connectionString: postgres.url, max: 5 });
    open.push(() => made.end());
    return made;
  }

  async function notesOf(eventId: string): Promise<string[]> {
    const rows = await pool().query(
      `select note from "${postgres.schema}".bookings where event_id = $1 order by note`,
      [eventId],
    );
    return rows.rows.map(({ note }: { note: string }) => note);
  }

  /** One process of the service. */
  async function start(handler: EventHandler, leaseMs = 30_000) {
    const backend = new RedeliveringBackend();
    const store = new PostgresInbox({ connection: postgres.url, schema: postgres.schema });
    const bus: EventBus = createEventBus({
      backend,
      inbox: { store, leaseMs },
      retry: { initialBackoffMs: 1 },
      drainTimeoutMs: 100,
      abortGraceMs: 100,
    });
    bus.on('booked', handler, { id: 'ledger' });
    open.push(() => bus.close());
    await bus.start();
    return { backend, bus };
  }

  it('has one effect for twenty copies at a time in two processes', async () => {
    const book: EventHandler = (event, { transaction }) =>
      transaction((client) => client.query(insert(), [event.id, 'booked']));
    const processes = [await start(book), await start(book)];
    const event = createEvent('booked', 1);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => processes[i % 2]!.backend.deliver(event)),
    );
    expect(outcomes.flatMap(({ retries }) => retries).every(({ attempt }) => attempt === 1)).toBe(true);
    expect(await notesOf(event.id)).toEqual(['booked']);
    for (const { backend } of processes) expect((await backend.deliver(event)).status).toBe('handled');
    expect(await notesOf(event.id)).toEqual(['booked']);
  });

  it('leaves neither row nor mark when it fails within the transaction', async () => {
    const { backend } = await start((event, { transaction, attempt }) =>
      transaction(async (client) => {
        await client.query(insert(), [event.id, `try ${attempt}`]);
        if (attempt === 1) throw new Error('broken');
      }),
    );
    const event = createEvent('booked', 1);
    const { retries } = await backend.deliver(event);
    expect(await notesOf(event.id)).toEqual([]);
    expect((await backend.retry(event, retries[0]!)).status).toBe('handled');
    expect(await notesOf(event.id)).toEqual(['try 2']);
  });

  it('leaves both when it is cut off right after the commit, and is not called again', async () => {
    const calls: number[] = [];
    const book: EventHandler = async (event, { transaction, attempt }) => {
      calls.push(attempt);
      await transaction((client) => client.query(insert(), [event.id, 'booked']));
      await new Promise(() => undefined); // as if the process died here
    };
    const first = await start(book);
    const event = createEvent('booked', 1);
    void first.backend.deliver(event);
    await waitFor(async () => (await notesOf(event.id)).length === 1);
    const second = await start(book);
    expect((await second.backend.deliver(event, { redelivered: true })).status).toBe('handled');
    expect(await second.bus.stats()).toMatchObject({ duplicates: 1, handled: 0 });
    expect(calls).toEqual([1]);
  });

  it('marks in a transaction that it began itself, also when it fails after the commit', async () => {
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    open.push(() => client.end());
    const ends = ['rollback', 'commit'] as const;
    const { backend, bus } = await start(async (event, { transaction, attempt }) => {
      const end = ends[attempt - 1]!;
      await client.query('begin');
      await client.query(insert(), [event.id, end]);
      await transaction(client);
      await client.query(end);
      throw new Error('broken');
    });
    const event = createEvent('booked', 1);
    const { retries } = await backend.deliver(event);
    expect(retries).toMatchObject([{ attempt: 2 }]);
    expect(await notesOf(event.id)).toEqual([]);
    expect((await backend.retry(event, retries[0]!)).status).toBe('handled');
    expect(await notesOf(event.id)).toEqual(['commit']);
    expect(await bus.stats()).toMatchObject({ deadLettered: 0 });
  });

  it('keeps nobody waiting while its transaction is open for longer than the lease', async () => {
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    open.push(() => client.end());
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const slow = createEvent('booked', 'slow');
    const handler: EventHandler = async (event, { transaction }) => {
      if (event.id !== slow.id) return;
      await client.query('begin');
      await client.query(insert(), [event.id, 'slow']);
      await transaction(client);
      await gate;
      await client.query('commit');
    };
    const first = await start(handler, 500);
    const second = await start(handler, 500);
    const delivered = first.backend.deliver(slow);
    const begun = performance.now();
    while (performance.now() - begun < 1500) {
      const other = createEvent('booked', 'quick');
      expect((await first.backend.deliver(other)).status).toBe('handled');
      expect((await second.backend.deliver(slow)).retries).toMatchObject([{ attempt: 1 }]);
    }
    letGo();
    expect((await delivered).status).toBe('handled');
    expect((await second.backend.deliver(slow)).status).toBe('handled');
    expect(await notesOf(slow.id)).toEqual(['slow']);
  });
});
