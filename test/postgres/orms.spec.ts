import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createEventBus,
  type EventBus,
  EventConfigurationError,
  type HandlerContext,
} from 'nestjs-durable-events';
import { PostgresBackend, PostgresInbox } from 'nestjs-durable-events/postgres';
import { Client } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';
import { waitFor } from '../support/wait-for.js';
import { type Orm, ORMS } from './orms.js';

const stage = usePostgres();
let runs = 0;

describe.each(Object.entries(ORMS))('A transaction of %s', (_name, connect) => {
  let orm: Orm;
  let client: Client;
  let bus: EventBus;
  let handled: unknown[];
  beforeAll(async () => {
    client = new Client({ connectionString: stage.url });
    await client.connect();
    await client.query(`CREATE SCHEMA IF NOT EXISTS "${stage.schema}"`);
    await client.query(`CREATE TABLE IF NOT EXISTS "${stage.schema}".orders (what text)`);
    orm = await connect(stage.url);
  });
  afterAll(async () => {
    await orm.close();
    await client.end();
  });
  beforeEach(async () => {
    handled = [];
    await client.query(`DELETE FROM "${stage.schema}".orders`);
    const shared = { connection: stage.url, schema: stage.schema, group: 'service' };
    const namespace = `orm${++runs}`;
    const inbox = new PostgresInbox({ ...shared, table: `${namespace}_inbox` });
    bus = createEventBus({ backend: new PostgresBackend({ ...shared, namespace }), inbox });
    bus.on('order.*', ({ data }) => void handled.push(data), { id: 'orders' });
  });
  afterEach(() => bus.close());

  const insert = (what: string) => `INSERT INTO "${stage.schema}".orders VALUES ('${what}')`;
  const orders = async () => {
    const { rows } = await client.query<{ what: string }>(`SELECT what FROM "${stage.schema}".orders`);
    return rows.map(({ what }) => what);
  };

  it('publishes with its commit, once, and not before', async () => {
    await bus.start();
    await orm.transaction(async (transaction, run) => {
      await run(insert('first'));
      await bus.emitAsync('order.placed', { 'what?': "it's $1" }, { transaction });
      await bus.emitAsync('order.placed', 'of a key', { transaction, key: 'k' });
      await bus.emitAsync('order.placed', 'of an id', { transaction, id: 'i' });
      expect(await bus.emitAsync('order.placed', 'again', { transaction, id: 'i' })).toMatchObject({
        duplicate: true,
      });
      await bus.emitBatch([
        { type: 'order.placed', data: 'one of a batch', options: { transaction } },
        { type: 'order.placed', data: 'the other', options: { transaction, key: 'k' } },
      ]);
      await bus.emitAsync('order.paid', 'beside it');
      await waitFor(() => handled.length === 1);
      expect(handled).toEqual(['beside it']);
    });
    await waitFor(() => handled.length === 6);
    await bus.idle({ timeoutMs: 5000 });
    expect(handled.slice(1)).toHaveLength(5);
    expect(handled).toEqual(
      expect.arrayContaining([{ 'what?': "it's $1" }, 'of a key', 'of an id', 'one of a batch', 'the other']),
    );
    expect(await orders()).toEqual(['first']);
  });

  it('publishes nothing when it rolls back', async () => {
    await bus.start();
    const failing = orm.transaction(async (transaction, run) => {
      await run(insert('gone'));
      await bus.emitAsync('order.placed', 'gone', { transaction });
      await bus.emitAsync('order.placed', 'gone', { transaction, key: 'k' });
      await bus.emitAsync('order.placed', 'gone', { transaction, id: 'i', delayMs: 10 });
      throw new TypeError('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    // The id was not used after all.
    expect(await bus.emitAsync('order.placed', 'stays', { id: 'i' })).not.toHaveProperty('duplicate');
    await waitFor(() => handled.length === 1);
    await bus.idle({ timeoutMs: 5000 });
    expect(handled).toEqual(['stays']);
    expect(await orders()).toEqual([]);
  });

  it('marks an event as handled together with the effect, or neither', async () => {
    let tries = 0;
    const book = async (_: unknown, { transaction }: HandlerContext) => {
      await orm.transaction(async (client, run) => {
        await run(insert(`try ${++tries}`));
        await transaction(client);
        if (tries === 1) throw new Error('after the mark');
      });
    };
    bus.on('book', book, { id: 'book', retry: { maxRetries: 1, initialBackoffMs: 10 } });
    await bus.start();
    await bus.emitAsync('book');
    await waitFor(async () => (await orders()).length === 1);
    await bus.idle({ timeoutMs: 5000 });
    expect(await orders()).toEqual(['try 2']);
  });

  it('runs statements with numbered values in any order', async () => {
    const rows: unknown[] = [];
    await orm.transaction(async (client) => {
      const text = `SELECT $2::text || '?' || $1::text || $2::text AS text, $3::text[] AS list WHERE $1::text <> 'x'`;
      rows.push(...(await client.query(text, ['a', 'b', ['c', null]])).rows);
      rows.push(...(await client.query('SELECT 1 AS one')).rows);
    });
    expect(rows).toEqual([{ text: 'b?ab', list: ['c', null] }, { one: 1 }]);
  });

  it('is wanted, not a connection outside of one', async () => {
    await bus.start();
    const emitted = bus.emitAsync('order.placed', 1, { transaction: orm.outside });
    await expect(emitted).rejects.toThrow(/was not given a transaction that is open\. Pass the /);
    await expect(emitted).rejects.toThrow(EventConfigurationError);
    expect(handled).toEqual([]);
  });
});
