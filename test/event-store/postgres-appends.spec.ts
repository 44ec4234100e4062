import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEvent, EventSerializationError, StreamConflictError } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { Pool } from 'pg';
import { usePostgres } from '../stores/use-postgres.js';

const postgres = usePostgres({ synchronous_commit: 'off' });

describe('PostgresEventStore appends', () => {
  let pool: Pool;
  let store: PostgresEventStore;
  let statements: string[] = [];
  beforeAll(async () => {
    pool = new Pool({ connectionString: postgres.url, max: 8 });
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
      Object.assign(client, {
        query: (...given: unknown[]) => {
          if (typeof given[0] === 'string') statements.push(given[0]);
          return query(...given);
        },
      });
    });
    store = new PostgresEventStore({ connection: pool, schema: postgres.schema, table: 'appends' });
    await store.open();
  });
  afterAll(async () => {
    await store.close();
    await pool.end();
  });

  const stream = () => `s-${randomUUID()}`;
  const some = (count: number) => Array.from({ length: count }, (_, n) => createEvent('x', { n }));
  const versions = async (streamId: string) =>
    (await store.streamPage(streamId, 1, 1000)).map(({ streamVersion }) => streamVersion);

  it('in one statement what is asked for at once', async () => {
    statements = [];
    await Promise.all(some(80).map((event) => store.append(event)));
    expect(statements.length).toBeLessThanOrEqual(2);
  });

  it('by itself what is large, and what is many', async () => {
    statements = [];
    const large = createEvent('x', 'y'.repeat(100_000));
    await Promise.all([store.append(large), store.appendBatch(some(50)), store.append(some(1)[0]!)]);
    expect(statements).toHaveLength(3);
  });

  it('what one call asks for whatever becomes of the others in its statement', async () => {
    const [a, b, c] = [stream(), stream(), stream()];
    await store.appendBatch(some(2), { streamId: b });
    const again = some(1)[0]!;
    const outcomes = await Promise.allSettled([
      store.appendBatch(some(2), { streamId: a, expectedVersion: 0 }),
      store.appendBatch(some(2), { streamId: b, expectedVersion: 0 }),
      store.appendBatch(some(2), { streamId: c }),
      store.appendBatch(some(1), { streamId: a, expectedVersion: 0 }),
      store.appendBatch(some(1), { streamId: a, expectedVersion: 2 }),
      store.appendBatch(some(3), { streamId: c }),
      store.append(again, { streamId: b, expectedVersion: 9 }),
      store.append(again, { streamId: b, expectedVersion: 2 }),
      store.append(createEvent('x', 1, { createdAt: new Date(8.64e15) })),
      store.appendBatch(some(2), { streamId: b, expectedVersion: 3 }),
    ]);
    const names = outcomes.map((each) =>
      each.status === 'fulfilled' ? 'appended' : (each.reason as Error).name,
    );
    const conflict = StreamConflictError.name;
    expect(names).toEqual([
      'appended',
      conflict,
      'appended',
      conflict,
      'appended',
      'appended',
      conflict,
      'appended',
      expect.stringMatching(/appended|EventSerializationError/),
      'appended',
    ]);
    expect(await versions(a)).toEqual([1, 2, 3]);
    expect(await versions(b)).toEqual([1, 2, 3, 4, 5]);
    expect(await versions(c)).toEqual([1, 2, 3, 4, 5]);
  });

  it('others when the server refuses one of them', async () => {
    let deep: unknown = 0;
    for (let i = 0; i < 7000; i++) deep = [deep];
    const before = await pool.query(`SELECT count(*) FROM "${postgres.schema}".appends`);
    const outcomes = await Promise.allSettled([
      store.append(createEvent('x', 1)),
      store.append(createEvent('deep', deep)),
      store.append(createEvent('x', 2)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((outcomes[1] as PromiseRejectedResult).reason).toBeInstanceOf(EventSerializationError);
    const after = await pool.query(`SELECT count(*) FROM "${postgres.schema}".appends`);
    expect(Number(after.rows[0].count) - Number(before.rows[0].count)).toBe(2);
  });

  it.each([
    ['data.list[1].text', { list: [0, { text: 'a\u0000b' }] }, undefined],
    ['a key of data.list[0]', { list: [{ 'a\u0000': 1 }] }, undefined],
    ['data', '\ud800', undefined],
    ['metadata.custom.half', 1, { custom: { half: 'x\udc00' } }],
  ])('nothing where jsonb would refuse %s', async (place, data, metadata) => {
    statements = [];
    const batch = [...some(1), createEvent('order.placed', data, { metadata })];
    const refused = store.appendBatch(batch);
    await expect(refused).rejects.toBeInstanceOf(EventSerializationError);
    await expect(refused).rejects.toThrow(`'order.placed' cannot be stored: the text at ${place} has`);
    expect(statements).toEqual([]);
  });

  it('texts that only look like that', async () => {
    const data = { a: '\\u0000', b: '\\\\ud800', c: '😀', 'd\\u0000': '\u0001' };
    const streamId = stream();
    await store.append(createEvent('x', data), { streamId });
    expect((await store.streamPage(streamId, 1, 1))[0]!.data).toEqual(data);
  });

  it('no name that an index cannot take, and says which', async () => {
    const long = 'ü'.repeat(1001);
    await expect(store.append(createEvent(long, 1))).rejects.toThrow(/its name takes 2002 bytes.*up to 2000/);
    await expect(store.append(createEvent('x', 1, { correlationId: long }))).rejects.toThrow(
      /correlation id/,
    );
    await expect(store.append(createEvent('x', 1), { streamId: long })).rejects.toThrow(/stream id/);
    const fits = randomUUID().repeat(55).slice(0, 2000);
    const [result] = await store.appendBatch([createEvent(fits, 1, { id: fits })], { streamId: fits });
    expect(result!.id).toBe(fits);
  });

  it('in a transaction behind one that was faster, without ending it', async () => {
    const streamId = stream();
    const [first, second] = [await pool.connect(), await pool.connect()];
    await first.query('BEGIN');
    await second.query('BEGIN');
    const own = some(1)[0]!;
    await store.append(own, { transaction: second });
    await store.appendBatch(some(2), { streamId, transaction: first });
    const waiting = store.appendBatch(some(2), { streamId, transaction: second });
    await first.query('COMMIT');
    expect((await waiting).map(({ streamVersion }) => streamVersion)).toEqual([3, 4]);
    await second.query('COMMIT');
    first.release();
    second.release();
    expect(await versions(streamId)).toEqual([1, 2, 3, 4]);
    expect(await store.append(own)).toMatchObject({ duplicate: true });
  });

  it('many at once in one transaction, in the order of the calls', async () => {
    const streamId = stream();
    const events = some(10);
    await store.transaction((transaction) =>
      Promise.all(events.map((event) => store.append(event, { streamId, transaction }))),
    );
    const ids = (await store.streamPage(streamId, 1, 100)).map(({ id }) => id);
    expect(ids).toEqual(events.map(({ id }) => id));
  });

  it('not with a pool in place of a transaction', async () => {
    await expect(store.append(some(1)[0]!, { transaction: pool })).rejects.toThrow(/transaction block/);
  });

  it('with whatever isolation the database has by default', async () => {
    for (const level of ['repeatable read', 'serializable']) {
      const strict = new PostgresEventStore({
        connection: {
          connectionString: postgres.url,
          options: `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`,
        },
        schema: postgres.schema,
        table: 'appends',
      });
      await strict.open();
      const streamId = stream();
      await Promise.all(some(6).map((event) => strict.append(event, { streamId })));
      await strict.transaction(async (transaction) => {
        await strict.appendBatch(some(2), { streamId, expectedVersion: 6, transaction });
        await strict.append(some(1)[0]!, { transaction });
      });
      await strict.append(some(1)[0]!, { streamId, expectedVersion: 8 });
      expect(await versions(streamId)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      await strict.close();
    }
  });
});
