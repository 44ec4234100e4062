import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { type EventStore, type StoredEvent } from 'nestjs-durable-events/store';
import { Client } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { waitFor } from '../support/wait-for.js';

const HUGE = 9_000_000_000_000n;
const postgres = usePostgres({ synchronous_commit: 'off' });

describe('The order of PostgresEventStore', () => {
  const clients: Client[] = [];
  let store: PostgresEventStore;
  let table: string;
  let sql: Client;

  async function connect(): Promise<Client> {
    const client = new Client({ connectionString: postgres.url });
    clients.push(client);
    await client.connect();
    return client;
  }

  async function newStore(): Promise<PostgresEventStore> {
    const made = new PostgresEventStore({ connection: postgres.url, schema: postgres.schema, table });
    await made.open();
    return made;
  }

  beforeAll(async () => {
    sql = await connect();
  });
  afterAll(() => Promise.all(clients.map((client) => client.end())));
  afterEach(() => store.close());

  async function makeStore(): Promise<void> {
    table = `order_${randomUUID().slice(0, 8)}`;
    store = await newStore();
  }

  const append = (n: number, options = {}) => store.append(createEvent('x', n), options);

  async function read(from: EventStore = store, after?: string): Promise<StoredEvent[]> {
    return from.page({ limit: 1000, after });
  }

  const numbers = (events: readonly StoredEvent[]) => events.map(({ data }) => data);

  it('hides what is newer than an open transaction of anybody, and skips none of it when that ends', async () => {
    await makeStore();
    const other = await connect();
    await append(1);
    await waitFor(async () => (await read()).length === 1, { message: 'the first event to be visible' });
    await other.query(`BEGIN; CREATE TABLE "unrelated_${randomUUID()}" (a int)`);
    const [{ position }, ...rest] = [await append(2), await append(3)];
    expect(rest).toHaveLength(1);
    expect(numbers(await read())).toEqual([1]);
    expect((await store.head())! < position!).toBe(true);
    expect(await store.count()).toBe(1);
    await other.query('ROLLBACK');
    await waitFor(async () => (await read()).length === 3, { message: 'the others to be visible' });
    expect(numbers(await read())).toEqual([1, 2, 3]);
  });

  it('shows a stream at once, whatever hides it from those who read all', async () => {
    await makeStore();
    const other = await connect();
    await other.query(`BEGIN; CREATE TABLE "unrelated_${randomUUID()}" (a int)`);
    await append(1, { streamId: 's' });
    expect(numbers(await store.streamPage('s', 1, 10))).toEqual([1]);
    expect(await read()).toEqual([]);
    await other.query('ROLLBACK');
  });

  /** As if the rows came from a cluster that was far ahead. */
  async function comeFromElsewhere(): Promise<void> {
    await sql.query(`UPDATE "${postgres.schema}"."${table}" SET transaction_id = transaction_id + ${HUGE}`);
  }

  it('goes on behind events that came from a cluster which was ahead, when the store is opened', async () => {
    await makeStore();
    for (const n of [1, 2, 3]) await append(n);
    await comeFromElsewhere();
    expect(await read()).toEqual([]);
    await store.close();
    store = await newStore();
    await waitFor(async () => (await read()).length === 3, { message: 'the events to be visible' });
    const head = await store.head();
    expect(numbers(await read())).toEqual([1, 2, 3]);
    await append(4);
    await waitFor(async () => (await read(store, head)).length === 1, { message: 'the new event' });
    expect(numbers(await read(store, head))).toEqual([4]);
  });

  it('goes on behind them also in a process that has the store open', async () => {
    await makeStore();
    const open = await newStore();
    for (const n of [1, 2]) await append(n);
    await comeFromElsewhere();
    await Promise.all([append(3), open.append(createEvent('x', 3)), append(3)]);
    await store.transaction(async (client) => {
      await append(4, { transaction: client });
    });
    await waitFor(async () => (await read()).length === 6, { message: 'all to be visible' });
    expect(numbers(await read())).toEqual([1, 2, 3, 3, 3, 4]);
    await open.close();
  });

  it('goes on in a transaction that is open when that is noticed', async () => {
    await makeStore();
    await append(1);
    await comeFromElsewhere();
    await store.transaction(async (client) => {
      await append(2, { transaction: client, streamId: 's', expectedVersion: 0 });
    });
    await append(3);
    await waitFor(async () => (await read()).length === 3, { message: 'all to be visible' });
    expect(numbers(await read())).toEqual([1, 2, 3]);
  });

  it('says what is missing when the row of the base is', async () => {
    await makeStore();
    await sql.query(`DELETE FROM "${postgres.schema}"."${table}_base"`);
    await expect(append(1)).rejects.toThrow(/ends in '_base' is empty/);
    await expect(newStore()).rejects.toThrow(/ends in '_base' is empty/);
  });

  it('tells other processes of an append, where it was told to', async () => {
    await makeStore();
    const options = { connection: postgres.url, schema: postgres.schema, table, notify: true };
    const [teller, listener] = [new PostgresEventStore(options), new PostgresEventStore(options)];
    let hints = 0;
    listener.onAppended(() => hints++);
    await waitFor(() => hints > 0, { timeoutMs: 20_000, message: 'the listener to listen' });
    const before = hints;
    await teller.append(createEvent('x', 1));
    await waitFor(() => hints > before, { timeoutMs: 20_000, message: 'a hint' });
    await Promise.all([teller.close(), listener.close()]);
  });
});
