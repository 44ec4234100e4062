import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { EventBusClosedError, EventConfigurationError, EventTimeoutError } from '../../lib/errors.js';
import { createEvent } from '../../lib/event.js';
import { freePort } from '../support/free-port.js';
import type { TestServer } from '../support/services/private-server.js';
import { describeWithOwnRedis, startRedis, startRedisCluster } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { gate, Harness, typesOf } from './harness.js';

describe('Redis Streams: lifecycle', () => {
  let server: TestServer;
  let test: Harness;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    test = new Harness(server.url);
  });
  afterEach(() => test.close());

  const connections = async () =>
    ((await test.client.client('LIST')) as string).split('\n').filter((line) => line.includes('addr='))
      .length;

  it('drains: gives away what was not started, waits for what runs, and still publishes', async () => {
    const leaving = test.backend({ concurrency: 2, leaseMs: 60_000 });
    const { opened, open } = gate();
    const first = await test.consume(leaving, () => opened);
    for (let i = 0; i < 4; i++) await leaving.publish(createEvent(`event.${i}`, i));
    await waitFor(() => first.length === 2);
    const second = await test.consume(test.backend({ leaseMs: 60_000 }));
    await waitFor(() => second.length === 2);

    let drained = false;
    const draining = leaving
      .drain({ final: false, signal: AbortSignal.timeout(10_000) })
      .then(() => (drained = true));
    await leaving.publish(createEvent('late', {}));
    await waitFor(() => second.length === 3);
    expect(drained).toBe(false);
    open();
    await draining;
    expect(first).toHaveLength(2);
    expect(typesOf(second)).toContain('late');
    expect(await leaving.stats()).toMatchObject({ inFlight: 0, pending: 0 });
  });

  it('hands what it had read ahead to a peer at once, not when the lease ends', async () => {
    const leaving = test.backend({ concurrency: 1, leaseMs: 60_000 });
    const { opened, open } = gate();
    // Fast at first, so that it reads ahead; then it hangs.
    const first = await test.consume(leaving, (event) => (event.type === 'stuck' ? opened : undefined));
    await Promise.all(Array.from({ length: 300 }, (_, i) => leaving.publish(createEvent('fast', i))));
    await waitFor(() => first.length === 300);
    const batch = [
      createEvent('stuck', {}),
      ...Array.from({ length: 50 }, (_, i) => createEvent(`waiting.${i}`, i)),
    ];
    await leaving.publishBatch(batch.map((event) => ({ event })));
    await waitFor(async () => (await leaving.stats())['buffered']! > 0);
    const buffered = (await leaving.stats())['buffered'];
    const second = await test.consume(test.backend({ leaseMs: 60_000 }));
    const draining = leaving.drain({ final: false, signal: AbortSignal.timeout(10_000) });
    await waitFor(() => second.length === 50, { timeoutMs: 2000 });
    expect(second.every(({ delivery }) => delivery.redelivered === false)).toBe(true);
    open();
    expect((await draining).released).toBeGreaterThanOrEqual(buffered!);
    expect(new Set([...first, ...second].map(({ event }) => event.id)).size).toBe(351);
  });

  it('aborts what outlasts the deadline and lets a peer start it at once', async () => {
    const leaving = test.backend({ leaseMs: 60_000 });
    const first = await test.consume(leaving, (_, { signal }) => {
      void signal;
      return new Promise(() => undefined);
    });
    await leaving.publish(createEvent('endless', {}));
    await waitFor(() => first.length === 1);
    const second = await test.consume(test.backend({ leaseMs: 60_000 }));
    const startedAt = Date.now();
    expect(await leaving.drain({ final: false, signal: AbortSignal.timeout(200) })).toEqual({ released: 1 });
    expect(Date.now() - startedAt).toBeLessThan(3000);
    expect(first[0]!.delivery.signal!.aborted).toBe(true);
    await waitFor(() => second.length === 1);
  });

  it('gives back only the handlers that were interrupted', async () => {
    const leaving = test.backend({ leaseMs: 60_000 });
    const first = await test.consume(leaving, async (_, { signal }) => {
      await new Promise((resolve) => signal!.addEventListener('abort', resolve));
      return { status: 'released', released: [{ handlerId: 'mail', attempt: 2, delayMs: 0, attempts: [] }] };
    });
    await leaving.publish(createEvent('interrupted', {}));
    await waitFor(() => first.length === 1);
    await leaving.drain({ final: false, signal: AbortSignal.abort() });
    const second = await test.consume(test.backend());
    await waitFor(() => second.length === 1);
    expect(second[0]!.delivery).toMatchObject({ handlerId: 'mail', attempt: 2 });
    expect(await test.client.xpending(test.key('stream'), 'service')).toEqual([0, null, null, null]);
  });

  it('leaves no connection, timer or consumer behind', async () => {
    const before = await connections();
    const backend = test.backend({}, { hasBroadcastHandlers: () => true });
    const seen = await test.consume(backend);
    await backend.publish(createEvent('any', {}));
    await waitFor(() => seen.length === 2);
    expect(await connections()).toBe(before + 4);
    await backend.close();
    await waitFor(async () => (await connections()) === before);
    expect(await test.client.xinfo('CONSUMERS', test.key('stream'), 'service')).toEqual([]);
  });

  it('closes more than once, before use, and while it starts', async () => {
    const unused = test.backend();
    await Promise.all([unused.close(), unused.close()]);
    await expect(unused.publish(createEvent('late', {}))).rejects.toBeInstanceOf(EventBusClosedError);
    await expect(test.consume(unused)).rejects.toBeInstanceOf(EventBusClosedError);

    const starting = test.backend();
    const subscribing = test.consume(starting).catch((error: Error) => error);
    await starting.close();
    await subscribing;
    await waitFor(async () => (await connections()) === 1);
  });

  it('refuses a second subscriber', async () => {
    const backend = test.backend();
    await test.consume(backend);
    await expect(test.consume(backend)).rejects.toBeInstanceOf(EventConfigurationError);
  });

  it('uses a given client for commands, with its key prefix, and leaves it open', async () => {
    const client = new Redis(server.url, { keyPrefix: 'app:' });
    try {
      const backend = test.backend({ connection: client });
      const seen = await test.consume(backend, (_, { attempt = 1 }) =>
        attempt === 1
          ? { status: 'failed', retries: [{ handlerId: 'mail', attempt: 2, delayMs: 20, attempts: [] }] }
          : {},
      );
      await backend.publish(createEvent('prefixed', {}));
      await waitFor(() => seen.length === 2);
      await backend.idle(AbortSignal.timeout(5000));
      expect(await test.client.exists(`app:${test.key('stream')}`)).toBe(1);
      await backend.close();
      expect(await client.ping()).toBe('PONG');
    } finally {
      client.disconnect();
    }
  });

  it('takes a client that maps replies in the new way', async () => {
    const client = new Redis(server.url, { protocol: 3, replyMapping: 'resp3' });
    try {
      const backend = test.backend({ connection: client });
      const seen = await test.consume(backend);
      await Promise.all([1, 2, 3].map((n) => backend.publish(createEvent('mapped', n))));
      await waitFor(() => seen.length === 3);
      await backend.idle(AbortSignal.timeout(5000));
      await backend.close();
    } finally {
      client.disconnect();
    }
  });

  it('tells how it is', async () => {
    const backend = test.backend();
    expect((await backend.health()).status).toBe('up');
    await test.consume(backend);
    expect(await backend.health()).toMatchObject({ status: 'up', details: { consuming: true } });
  });

  it('stops waiting to be idle when it is told to', async () => {
    const backend = test.backend();
    const { opened, open } = gate();
    await test.consume(backend, () => opened);
    await backend.publish(createEvent('running', {}));
    await expect(backend.idle(AbortSignal.timeout(200))).rejects.toThrow('aborted');
    open();
    await backend.idle(AbortSignal.timeout(5000));
  });
});

describeWithOwnRedis('Redis Streams: lifecycle without a server', () => {
  it('rejects subscribing within the time limit, is down, and closes', async () => {
    const test = new Harness(`redis://127.0.0.1:${await freePort()}`);
    const backend = test.backend({ publishTimeoutMs: 300 });
    await expect(test.consume(backend)).rejects.toBeInstanceOf(EventTimeoutError);
    expect((await backend.health()).status).toBe('down');
    const startedAt = Date.now();
    await test.close();
    expect(Date.now() - startedAt).toBeLessThan(5000);
  });

  it('closes while the server is away, with work in hand and publishes waiting', async () => {
    const server = await startRedis();
    const test = new Harness(server.url);
    const backend = test.backend();
    const seen = await test.consume(backend, () => new Promise(() => undefined));
    await backend.publish(createEvent('endless', {}));
    await waitFor(() => seen.length === 1);
    await server.kill9();
    const publishing = backend.publish(createEvent('waiting', {})).catch((error: Error) => error);
    const startedAt = Date.now();
    await backend.close();
    expect(Date.now() - startedAt).toBeLessThan(8000);
    expect(await publishing).toBeInstanceOf(Error);
    await test.close();
    await server.stop();
  });
});

describeWithOwnRedis('Redis Streams: in a cluster', () => {
  let server: TestServer;
  beforeAll(async () => {
    // Clients ask the nodes where they are, and one that never met another does not know.
    server = await startRedisCluster();
  });
  afterAll(() => server.stop());

  it('does everything within one slot', async () => {
    const test = new Harness(server.url);
    const cluster = new Cluster([{ host: '127.0.0.1', port: server.port }]);
    try {
      const backend = test.backend({ connection: cluster }, { hasBroadcastHandlers: () => true });
      const seen = await test.consume(backend, (_, { audience, attempt = 1 }) => {
        if (audience === 'broadcast' || attempt === 3) return undefined;
        const retry = {
          handlerId: 'mail',
          attempt: attempt + 1,
          delayMs: attempt === 1 ? 0 : 50,
          attempts: [],
        };
        return { status: 'failed', retries: [retry] };
      });
      await Promise.all([1, 2, 3].map((n) => backend.publish(createEvent('clustered', n))));
      await backend.publish(createEvent('delayed', 4), { delayMs: 50 });
      for (const n of [5, 6]) await backend.publish(createEvent('keyed', n, { key: 'a' }));
      await backend.publish(createEvent('keyed', 7, { key: 'a' }), { delayMs: 50 });
      await waitFor(() => seen.length === 7 * 4);
      const grouped = seen.filter(({ event, delivery }) => event.key && delivery.audience === 'group');
      expect(grouped.map(({ event }) => event.data)).toEqual([5, 5, 5, 6, 6, 6, 7, 7, 7]);
      await backend.idle(AbortSignal.timeout(5000));
      expect(test.reports).toEqual([]);
      await backend.close();
      expect(await cluster.ping()).toBe('PONG');
    } finally {
      cluster.disconnect();
      await test.close();
    }
  });
});
