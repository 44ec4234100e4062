import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { DeadLetterStore, InboxStore } from 'nestjs-durable-events';
import { PostgresDeadLetterStore, PostgresInbox } from 'nestjs-durable-events/postgres';
import { RedisDeadLetterStore, RedisInbox } from 'nestjs-durable-events/redis';
import { Pool } from 'pg';
import { describeWithOwnPostgres, startPostgres } from '../support/services/postgres.js';
import type { TestServer } from '../support/services/private-server.js';
import { describeWithOwnRedis, startRedis } from '../support/services/redis.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { letter } from './sample-letters.js';

const TIMEOUT_MS = 1000;
/** For a machine that has more to do. */
const SLACK_MS = 4000;
const HOUR = 3_600_000;
const key = { eventId: '1', handlerId: 'mail' };

interface Stores {
  readonly letters: DeadLetterStore;
  readonly inbox: InboxStore;
}

/** Stores that reach the server at a port. */
type Make = (port: number) => Stores;

/** What stores do while their server does not answer, and after. Connected through a proxy, so that networks fail, too. */
function whenTheServerFails(start: () => Promise<TestServer>, make: Make): void {
  let server: TestServer;
  let proxy: TcpProxy;
  let stores: Stores | undefined;
  beforeAll(async () => {
    server = await start();
    proxy = await startTcpProxy(server.port);
  }, 60_000);
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });
  afterEach(async () => {
    await stores?.letters.close!();
    await stores?.inbox.close!();
    stores = undefined;
  });

  async function open(): Promise<Stores> {
    stores = make(proxy.port);
    await stores.letters.open!('orders');
    await stores.inbox.open!('orders');
    return stores;
  }

  /** Every call, each as long as it takes by itself. */
  function everyCall({ letters, inbox }: Stores): Promise<unknown>[] {
    return [
      letters.add([letter({ id: 'late' })]),
      letters.get('1:h'),
      letters.list(),
      letters.size(),
      letters.transition('late:h', 'dead', 'retrying'),
      letters.take('late:h'),
      letters.purge({ type: 'nothing' }),
      inbox.claim([{ ...key, eventId: 'late' }], 'ada', HOUR),
      inbox.renew([key], 'ada', HOUR),
      inbox.release([{ ...key, eventId: 'late' }], 'ada'),
    ];
  }

  /** Names of the errors, or what came instead. */
  async function outcomes(calls: Promise<unknown>[]): Promise<unknown[]> {
    const results = await Promise.allSettled(calls);
    return results.map((result) =>
      result.status === 'rejected' ? (result.reason as Error).name : result.value,
    );
  }

  async function expectToWork({ letters, inbox }: Stores, id: string): Promise<void> {
    await waitFor(
      () =>
        letters.add([letter({ id })]).then(
          () => true,
          () => false,
        ),
      { timeoutMs: 15_000, message: 'the store to work again' },
    );
    expect((await letters.get(`${id}:h`))?.event.id).toBe(id);
    expect(await inbox.renew([key], 'ada', HOUR)).toEqual([true]);
  }

  it('reject in time while it is paused, and work again after', async () => {
    const stores = await open();
    await stores.letters.add([letter({ id: '1' })]);
    await stores.inbox.claim([key], 'ada', HOUR);
    await server.pause();
    try {
      const begun = performance.now();
      expect(new Set(await outcomes(everyCall(stores)))).toEqual(new Set(['EventTimeoutError']));
      expect(performance.now() - begun).toBeLessThan(TIMEOUT_MS + SLACK_MS);
      expect(new Set(await outcomes(everyCall(stores)))).toEqual(new Set(['EventTimeoutError']));
    } finally {
      await server.resume();
    }
    await expectToWork(stores, '2');
  }, 60_000);

  it('reject in time while the network swallows everything, and work again after', async () => {
    const stores = await open();
    await stores.inbox.claim([key], 'ada', HOUR);
    proxy.blackhole();
    try {
      const begun = performance.now();
      expect(new Set(await outcomes(everyCall(stores)))).toEqual(new Set(['EventTimeoutError']));
      expect(performance.now() - begun).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    } finally {
      await proxy.resume();
      proxy.cut();
    }
    await expectToWork(stores, '3');
  }, 60_000);

  it('work again after it was killed, and have what was confirmed', async () => {
    const stores = await open();
    await stores.inbox.claim([key], 'ada', HOUR);
    await stores.letters.add([letter({ id: 'kept' })]);
    await server.kill9();
    for (const outcome of await outcomes(everyCall(stores))) expect(outcome).toMatch(/Error$/);
    await server.restart();
    await expectToWork(stores, '4');
    expect(await stores.letters.get('kept:h')).toMatchObject({ status: 'dead' });
  }, 60_000);

  it('do not open where there is none, in time', async () => {
    await proxy.refuse();
    try {
      const begun = performance.now();
      await expect(open()).rejects.toThrow(/ECONNREFUSED|did not answer within/);
      expect(performance.now() - begun).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    } finally {
      await proxy.resume();
    }
  }, 60_000);

  it('close in time although it is paused', async () => {
    const { letters, inbox } = await open();
    await letters.size();
    await server.pause();
    try {
      const begun = performance.now();
      const call = outcomes([letters.size()]);
      await letters.close!();
      await inbox.close!();
      expect(performance.now() - begun).toBeLessThan(2 * TIMEOUT_MS + SLACK_MS);
      expect(await call).toEqual([expect.stringMatching(/Error$/)]);
    } finally {
      await server.resume();
    }
  }, 60_000);
}

describeWithOwnRedis('Stores in Redis', () => {
  whenTheServerFails(startRedis, (port) => {
    const options = { connection: `redis://127.0.0.1:${port}`, timeoutMs: TIMEOUT_MS };
    return { letters: new RedisDeadLetterStore(options), inbox: new RedisInbox(options) };
  });
});

describeWithOwnPostgres('Stores in PostgreSQL', () => {
  const urlOf = (port: number) => `postgresql://postgres@127.0.0.1:${port}/postgres`;

  describe('by a URL', () => {
    whenTheServerFails(startPostgres, (port) => {
      const options = { connection: urlOf(port), timeoutMs: TIMEOUT_MS };
      return { letters: new PostgresDeadLetterStore(options), inbox: new PostgresInbox(options) };
    });
  });

  describe('by a pool of the caller', () => {
    const pools: Pool[] = [];
    afterAll(() => Promise.all(pools.map((pool) => pool.end())));

    whenTheServerFails(startPostgres, (port) => {
      const connection = new Pool({ connectionString: urlOf(port), allowExitOnIdle: true, max: 3 });
      connection.on('error', () => undefined); // as pg asks of everybody who makes a pool
      pools.push(connection);
      const options = { connection, timeoutMs: TIMEOUT_MS };
      return { letters: new PostgresDeadLetterStore(options), inbox: new PostgresInbox(options) };
    });
  });
});
