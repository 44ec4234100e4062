import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { createEvent } from 'nestjs-durable-events';
import { RedisEventStore, type RedisEventStoreOptions } from 'nestjs-durable-events/redis';
import type { EventStore, StoredEvent } from 'nestjs-durable-events/store';
import type { TestServer } from '../support/services/private-server.js';
import { describeWithOwnRedis, type RedisOptions, startRedis } from '../support/services/redis.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

/** Of stores that are to give up. */
const TIMEOUT_MS = 3000;
/** For a machine that has more to do. */
const SLACK_MS = 60_000;
/** Of stores whose server is killed: what was under way then waits so long for it. */
const PATIENCE_MS = 10_000;

jest.setTimeout(120_000);

const orders = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => createEvent('order.placed', { n: from + i }));
const numberOf = ({ data }: StoredEvent) => (data as { n: number }).n;

describeWithOwnRedis('RedisEventStore when something breaks', () => {
  const cleanups: (() => unknown)[] = [];
  const warnings: string[] = [];
  let server: TestServer;
  let proxy: TcpProxy;

  beforeEach(() => {
    warnings.length = 0;
    const note = (text: unknown) => void warnings.push(String(text));
    Logger.overrideLogger({ log: note, warn: note, error: note });
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    Logger.overrideLogger(false);
    jest.restoreAllMocks();
  });

  async function start(options?: RedisOptions): Promise<void> {
    server = await startRedis(options);
    cleanups.push(() => server.stop());
    proxy = await startTcpProxy(server.port);
    cleanups.push(() => proxy.close());
  }

  async function open(options: Partial<RedisEventStoreOptions> = {}): Promise<RedisEventStore> {
    const store = new RedisEventStore({ connection: server.url, timeoutMs: SLACK_MS, ...options });
    cleanups.push(() => store.close());
    await store.open();
    return store;
  }

  const throughProxy = () => ({ connection: proxy.inFrontOf(server.url) });
  const impatient = () => ({ ...throughProxy(), timeoutMs: TIMEOUT_MS });

  async function numbersIn(store: EventStore): Promise<number[]> {
    const numbers: number[] = [];
    for await (const event of store.load()) numbers.push(numberOf(event));
    return numbers;
  }

  it('has everything that was confirmed when Redis was killed in the middle of appends', async () => {
    await start({ appendfsync: 'always' });
    const store = await open({ timeoutMs: PATIENCE_MS });
    const confirmed: number[] = [];
    const events = orders(1, 2000);
    let killed: Promise<void> | undefined;
    const outcomes = events.map(async (event, i) => {
      await new Promise((resolve) => setTimeout(resolve, i / 4));
      await store.append(event, { streamId: 'all' });
      confirmed.push(numberOf(event as StoredEvent));
      if (confirmed.length === 200) killed = server.kill9();
    });
    await waitFor(() => killed !== undefined, { timeoutMs: SLACK_MS, message: '200 events to be confirmed' });
    await killed;
    const failed = (await Promise.allSettled(outcomes)).filter(({ status }) => status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    for (const { reason } of failed as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ name: 'EventPublishError' });
    }
    await server.restart();

    const restarted = await open();
    const kept = new Set(await numbersIn(restarted));
    expect(confirmed.filter((n) => !kept.has(n))).toEqual([]);
    // What is of unknown outcome may be appended again: each event is there once.
    for (let at = 0; at < events.length; at += 500) {
      await restarted.appendBatch(events.slice(at, at + 500), { streamId: 'all' });
    }
    const all = await numbersIn(restarted);
    expect(all.toSorted((a, b) => a - b)).toEqual(events.map((_, i) => i + 1));
    const versions: number[] = [];
    for await (const { streamVersion } of restarted.loadStream('all')) versions.push(streamVersion!);
    expect(versions).toEqual(events.map((_, i) => i + 1));
  }, 300_000);

  it('goes on above positions that a crash took back, so that a follower misses nothing', async () => {
    await start();
    const store = await open({ timeoutMs: PATIENCE_MS });
    await store.appendBatch(orders(1, 10));
    const seen: number[] = [];
    const follower = store.subscribe({}, (event) => void seen.push(numberOf(event)), {
      pollMs: 50,
      onError: () => undefined,
    });
    await follower.caughtUp({ timeoutMs: SLACK_MS });

    // As a replica that had not heard of the last events, or a disk that had not got them yet.
    const backup = join(server.dir, 'backup');
    await cp(join(server.dir, 'appendonlydir'), backup, { recursive: true });
    const lost = await store.appendBatch(orders(11, 20));
    await follower.caughtUp({ timeoutMs: SLACK_MS });
    await server.kill9();
    await rm(join(server.dir, 'appendonlydir'), { recursive: true });
    await cp(backup, join(server.dir, 'appendonlydir'), { recursive: true });
    await server.restart();

    await waitFor(() => store.append(createEvent('order.placed', { n: 21 })).catch(() => undefined), {
      timeoutMs: SLACK_MS,
      message: 'Redis to be back',
    });
    await waitFor(() => seen.includes(21), { timeoutMs: SLACK_MS, message: 'the new event' });
    expect(await numbersIn(store)).toEqual([...orders(1, 10).map((_, i) => i + 1), 21]);
    expect((await store.head())! > lost.at(-1)!.position!).toBe(true);
  }, 300_000);

  it('rejects in time while the network swallows everything, and works again after', async () => {
    await start();
    const store = await open(impatient());
    await store.appendBatch(orders(1, 3));
    const lease = (await store.checkpoints.acquire('orders', 600_000))!;
    proxy.blackhole();
    const begun = performance.now();
    const outcomes = await Promise.allSettled([
      store.append(orders(4, 4)[0]!),
      store.page({ limit: 10 }),
      store.head(),
      store.count(),
      lease.save({ position: '1' }),
    ]);
    expect(performance.now() - begun).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    const messages = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason as Error);
    expect(messages[0]).toMatchObject({ name: 'EventPublishError' });
    expect(messages[0]!.message).toMatch(/^Redis did not confirm the event: no reply within 3000 ms/);
    for (const error of messages.slice(1)) {
      expect(error.message).toBe(
        "Redis did not answer within 3000 ms. Check that it runs and that 'connection' is right.",
      );
    }
    await proxy.resume();
    proxy.cut();
    await waitFor(() => store.append(orders(5, 5)[0]!).catch(() => undefined), {
      timeoutMs: SLACK_MS,
      message: 'the store to work again',
    });
    expect(await numbersIn(store)).toEqual(expect.arrayContaining([1, 2, 3, 5]));
  }, 200_000);

  it('does not open where there is nothing, in time, and opens when there is something', async () => {
    await start();
    await proxy.refuse();
    const store = new RedisEventStore(impatient());
    cleanups.push(() => store.close());
    const begun = performance.now();
    await expect(store.open()).rejects.toThrow('Redis did not answer within 3000 ms.');
    expect(performance.now() - begun).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    await proxy.resume();
    await waitFor(
      () =>
        store.open().then(
          () => true,
          () => false,
        ),
      { timeoutMs: SLACK_MS },
    );
    await store.append(orders(1, 1)[0]!);
  }, 200_000);

  it.each([{ name: undefined }, { name: 'orders' }])(
    'hands each event over once while the store is gone for a while (name: $name)',
    async ({ name }) => {
      await start();
      const direct = await open();
      const store = await open(impatient());
      await direct.appendBatch(orders(1, 30));
      const seen: number[] = [];
      const troubles: (string | undefined)[] = [];
      const subscription = store.subscribe(
        {},
        async (event) => {
          const n = numberOf(event);
          seen.push(n);
          // The effect is there, and the checkpoint cannot be saved.
          if (n === 10 || n === 35) await proxy.refuse();
        },
        {
          name,
          batchSize: 10,
          pollMs: 50,
          onError: (error, event) => void troubles.push(event && error.message),
        },
      );
      for (const [last, more] of [
        [10, 40],
        [35, 60],
      ] as const) {
        await waitFor(() => seen.includes(last), { timeoutMs: SLACK_MS, message: `event ${last}` });
        await waitFor(() => troubles.length > 0, { timeoutMs: SLACK_MS, message: 'trouble to be told' });
        await direct.appendBatch(orders(more - 9, more));
        await proxy.resume();
        await waitFor(() => seen.includes(more), { timeoutMs: SLACK_MS, message: `event ${more}` });
        troubles.length = 0;
      }
      await subscription.stop();
      expect(seen).toEqual([...range(1, 40), ...range(51, 60)]);
      const saved = (await direct.checkpoints.read('orders'))?.position;
      expect(saved).toBe(name === undefined ? undefined : await direct.head());
    },
    300_000,
  );

  it('ends in time when it is closed while Redis does not answer', async () => {
    await start();
    const store = await open(impatient());
    await store.appendBatch(orders(1, 3));
    const subscription = store.subscribe({}, () => undefined, { name: 'orders', onError: () => undefined });
    await subscription.caughtUp({ timeoutMs: SLACK_MS });
    proxy.blackhole();
    const append = store.append(orders(4, 4)[0]!);
    const begun = performance.now();
    await Promise.all([expect(append).rejects.toThrow('Redis did not confirm the event'), store.close()]);
    expect(performance.now() - begun).toBeLessThan(3 * TIMEOUT_MS + SLACK_MS);
    await expect(store.append(orders(5, 5)[0]!)).rejects.toThrow('RedisEventStore is closed.');
    await expect(store.head()).rejects.toThrow('RedisEventStore is closed.');
  }, 200_000);

  it('warns of a server that keeps nothing on disk, or evicts', async () => {
    await start();
    await open();
    expect(warnings).toEqual([]);
    const admin = new Redis(server.url);
    await admin.config('SET', 'appendonly', 'no');
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await admin.quit();
    await open();
    expect(warnings).toEqual([
      expect.stringContaining("Redis has the maxmemory-policy 'allkeys-lru'"),
      expect.stringContaining('Redis keeps no append-only file'),
    ]);
  });

  it('changes nothing when Redis refuses to write for want of memory', async () => {
    await start();
    const store = await open();
    await store.appendBatch(orders(1, 3), { streamId: 'a' });
    const admin = new Redis(server.url);
    cleanups.push(() => admin.quit());
    await admin.config('SET', 'maxmemory', '1');
    await expect(store.appendBatch(orders(4, 6), { streamId: 'a' })).rejects.toThrow(
      /^Redis refused 3 events: .*OOM/,
    );
    await admin.config('SET', 'maxmemory', '0');
    await store.appendBatch(orders(7, 8), { streamId: 'a', expectedVersion: 3 });
    expect(await numbersIn(store)).toEqual([1, 2, 3, 7, 8]);
  });

  it('works for a user who may use no channel: new events are found by looking', async () => {
    await start();
    const admin = new Redis(server.url);
    await admin.acl('SETUSER', 'app', 'on', '>secret', '~*', '+@all', 'resetchannels');
    await admin.quit();
    const store = await open({ connection: server.url.replace('redis://', 'redis://app:secret@') });
    const seen: number[] = [];
    const subscription = store.subscribe({}, (event) => void seen.push(numberOf(event)), { pollMs: 50 });
    await store.appendBatch(orders(1, 3));
    await waitFor(() => seen.length === 3, { timeoutMs: SLACK_MS, message: 'the events' });
    await waitFor(() => warnings.length > 0, { timeoutMs: SLACK_MS, message: 'the warning' });
    expect(warnings).toEqual([expect.stringContaining('NOPERM')]);
    await subscription.stop();
  }, 200_000);

  it('is told of events by other stores, also with a key prefix, and leaves the client that it was given', async () => {
    await start();
    const client = new Redis(server.url, { keyPrefix: `${randomUUID()}:` });
    const writer = await open({ connection: client });
    const reader = await open({ connection: client });
    const seen: number[] = [];
    const subscription = reader.subscribe({}, (event) => void seen.push(numberOf(event)), {
      pollMs: 600_000,
    });
    await subscription.caughtUp({ timeoutMs: SLACK_MS });
    await waitFor(() => subscription.state === 'live', { message: 'it to be live' });
    await waitFor(
      async () => {
        await writer.append(createEvent('order.placed', { n: 0 }));
        return seen.length > 0;
      },
      { timeoutMs: SLACK_MS, intervalMs: 50, message: 'a hint to arrive' },
    );
    const before = seen.length;
    await writer.appendBatch(orders(1, 3));
    await waitFor(() => seen.length >= before + 3, { timeoutMs: SLACK_MS, message: 'the events' });
    await writer.close();
    await reader.close();
    expect(await client.ping()).toBe('PONG');
    const clients = (await client.client('LIST')) as string;
    expect(clients.trim().split('\n')).toHaveLength(1);
    await client.quit();
  }, 200_000);

  it('refuses a batch that would hold up Redis, and other options that cannot work', async () => {
    await start();
    const store = await open();
    await expect(store.appendBatch(orders(1, 10_001))).rejects.toThrow(
      'RedisEventStore was to append a batch of 10001 events, but takes 10000 at most',
    );
    const make = (options: Partial<RedisEventStoreOptions>) => () =>
      new RedisEventStore({ connection: server.url, ...options });
    expect(make({ namespace: 'a{b' })).toThrow("Option 'namespace' of RedisEventStore");
    expect(make({ timeoutMs: 0 })).toThrow("Option 'timeoutMs' of RedisEventStore");
    expect(make({ connection: 'http://localhost' })).toThrow("Option 'connection' of RedisEventStore");
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

describe('RedisEventStore in one process', () => {
  it('appends what is asked for at once in few round trips, in the order of the asking', async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    const store = new RedisEventStore({ connection: client, namespace: randomUUID() });
    await store.append(orders(0, 0)[0]!);
    const run = jest.spyOn(client, 'evalsha');
    await Promise.all(orders(1, 400).map((event) => store.append(event)));
    expect(run.mock.calls.length).toBeLessThan(5);
    const numbers: number[] = [];
    for await (const event of store.load()) numbers.push(numberOf(event));
    expect(numbers).toEqual(range(0, 400));
    await store.close();
    await client.quit();
    await server.stop();
  });
});
