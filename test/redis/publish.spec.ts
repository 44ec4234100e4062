import { expect, it } from '@jest/globals';
import {
  EventBusClosedError,
  EventConfigurationError,
  EventPublishError,
  EventSerializationError,
  EventTooLargeError,
} from '../../lib/errors.js';
import { createEvent } from '../../lib/event.js';
import { encodeEvent } from '../../lib/wire/cloud-events.js';
import { RedisStreamsBackend } from '../../lib/redis.js';
import { describeWithOwnRedis, startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { Harness } from './harness.js';
import { useRedis } from './use-redis.js';

describeWithOwnRedis('Redis Streams: publishing', () => {
  const redis = useRedis();

  const publishMany = (backend: RedisStreamsBackend, count: number) =>
    Promise.allSettled(Array.from({ length: count }, (_, i) => backend.publish(createEvent('many', i))));

  it('stores an event before it resolves', async () => {
    const backend = redis.test.backend();
    await backend.publish(createEvent('stored', { n: 1 }));
    expect(await redis.test.client.xlen(redis.test.key('stream'))).toBe(1);
  });

  it('stores a few thousand concurrent events once each, in order, in a few calls', async () => {
    const backend = redis.test.backend();
    await publishMany(backend, 2);
    const calls = async () =>
      (await redis.test.client.info('commandstats'))
        .match(/cmdstat_eval(sha)?:calls=(\d+)/g)
        ?.map((line) => Number(line.split('=')[1])) ?? [];
    const before = (await calls()).reduce((a, b) => a + b, 0);
    await publishMany(backend, 3000);
    const after = (await calls()).reduce((a, b) => a + b, 0);
    expect(after - before).toBeLessThanOrEqual(3000 / 80 + 1);
    const entries = await redis.test.client.xrange(redis.test.key('stream'), '-', '+');
    expect(entries.slice(2).map(([, fields]) => JSON.parse(fields[1]!).data)).toEqual(
      Array.from({ length: 3000 }, (_, i) => i),
    );
  });

  it('rejects exactly the events of a batch that Redis refused', async () => {
    // One id is left: the first event of the batch takes it.
    const key = redis.test.key('stream');
    await redis.test.client.xadd(key, '18446744073709551615-18446744073709551614', 'event', '{}');
    const results = await publishMany(redis.test.backend(), 3);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(EventPublishError);
    expect(String((results[1] as PromiseRejectedResult).reason)).toContain('exhausted');
    expect(await redis.test.client.xlen(key)).toBe(2);
  });

  it('tells publishBatch which entries failed', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const results = await redis.test
      .backend()
      .publishBatch([
        { event: createEvent('a', 1) },
        { event: createEvent('b', cyclic) },
        { event: createEvent('c', 3) },
      ]);
    expect(results[0]).toBeUndefined();
    expect(results[1]).toBeInstanceOf(EventSerializationError);
    expect(results[2]).toBeUndefined();
    expect(await redis.test.client.xlen(redis.test.key('stream'))).toBe(2);
  });

  it('refuses what is larger than maxEventBytes before anything is sent, and only that', async () => {
    const backend = redis.test.backend({ maxEventBytes: 1000 });
    expect(backend.capabilities.maxEventBytes).toBe(1000);
    // Short enough in characters, too long in bytes.
    const large = createEvent('report.made', '漢'.repeat(300));
    const size = Buffer.byteLength(encodeEvent(large));
    const results = await backend.publishBatch([
      { event: createEvent('small', 1) },
      { event: large },
      { event: createEvent('small', 'x'.repeat(700)) },
    ]);
    expect(results[1]).toBeInstanceOf(EventTooLargeError);
    expect((results[1] as Error).message).toContain(
      `Event 'report.made' (${large.id}) has ${size} bytes in its wire form, and the limit is 1000 (option 'maxEventBytes' of RedisStreamsBackend)`,
    );
    expect([results[0], results[2]]).toEqual([undefined, undefined]);
    expect(await redis.test.client.xlen(redis.test.key('stream'))).toBe(2);
  });

  it('takes an event of exactly maxEventBytes, by default of 16 MiB', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    const limit = 16 * 1024 * 1024;
    const id = 'large';
    const head = Buffer.byteLength(encodeEvent(createEvent('large', '', { id })));
    await expect(backend.publish(createEvent('large', 'x'.repeat(limit - head + 1), { id }))).rejects.toThrow(
      `has ${limit + 1} bytes`,
    );
    await backend.publish(createEvent('large', 'x'.repeat(limit - head), { id }));
    await waitFor(() => seen.length === 1, { timeoutMs: 10_000 });
    expect((seen[0]!.event.data as string).length).toBe(limit - head);
  });

  it('rejects when Redis is out of memory, and works again afterwards', async () => {
    const backend = redis.test.backend();
    await backend.publish(createEvent('before', 1));
    await redis.test.client.config('SET', 'maxmemory', '1mb');
    try {
      const results = await publishMany(backend, 5);
      for (const result of results) {
        expect(result.status).toBe('rejected');
        expect(String((result as PromiseRejectedResult).reason)).toContain('OOM');
      }
    } finally {
      await redis.test.client.config('SET', 'maxmemory', '0');
    }
    await backend.publish(createEvent('after', 1));
    expect(await redis.test.client.xlen(redis.test.key('stream'))).toBe(2);
  });

  it('delivers a delayed event when its time has come, by the clock of the server, and not before', async () => {
    const backend = redis.test.backend();
    const arrivals: number[] = [];
    await redis.test.consume(backend, () => void arrivals.push(Date.now()));
    const publishedAt = Date.now();
    await backend.publish(createEvent('delayed', 1), { delayMs: 250 });
    expect(await backend.stats()).toMatchObject({ delayed: 1, queued: 0 });
    await waitFor(() => arrivals.length === 1);
    expect(arrivals[0]! - publishedAt).toBeGreaterThanOrEqual(249);
    expect(arrivals[0]! - publishedAt).toBeLessThan(1250);
    expect(await redis.test.client.hlen(redis.test.key('scheduled'))).toBe(0);
  });

  it('refuses options that cannot work, in a full sentence', () => {
    const make = (options: object) => () =>
      new RedisStreamsBackend({ connection: redis.server.url, ...options });
    expect(make({ connection: '' })).toThrow(EventConfigurationError);
    expect(make({ namespace: 'a{b}' })).toThrow("Option 'namespace' of RedisStreamsBackend is 'a{b}'.");
    expect(make({ concurrency: 0 })).toThrow('Set it to a whole number of at least 1.');
    expect(make({ leaseMs: 20 })).toThrow("Option 'leaseMs'");
    expect(make({ maxDeliveries: 1.5 })).toThrow("Option 'maxDeliveries'");
    expect(make({ deduplicationMs: -1 })).toThrow("Option 'deduplicationMs'");
    expect(make({ maxEventBytes: 1e9 })).toThrow('Set it to a whole number from 1 to 67108864.');
    expect(make({ trimMinAgeMs: Infinity })).not.toThrow();
  });

  it('names what is missing when it has no group', async () => {
    const backend = new RedisStreamsBackend({ connection: redis.server.url });
    await expect(backend.subscribe(async () => undefined as never)).rejects.toThrow("needs a 'group'");
    await backend.close();
  });

  it('rejects within its time limit while the server is gone, and stores nothing later', async () => {
    const own = await startRedis();
    const harness = new Harness(own.url);
    try {
      const backend = harness.backend({ publishTimeoutMs: 400 });
      await backend.publish(createEvent('before', 1));
      await own.kill9();
      await waitFor(() => harness.reports.length > 0);
      const startedAt = Date.now();
      const results = await publishMany(backend, 3);
      expect(Date.now() - startedAt).toBeLessThan(1500);
      for (const result of results) {
        expect(result.status).toBe('rejected');
        expect((result as PromiseRejectedResult).reason).toBeInstanceOf(EventPublishError);
        expect((result as PromiseRejectedResult).reason.cause).toBeInstanceOf(Error);
      }
      await own.restart();
      await waitFor(
        () =>
          backend.publish(createEvent('after', 1)).then(
            () => true,
            () => false,
          ),
        { timeoutMs: 10_000 },
      );
      const stored = await harness.client.xrange(harness.key('stream'), '-', '+');
      expect(stored.map(([, fields]) => JSON.parse(fields[1]!).type)).toEqual(['before', 'after']);
    } finally {
      await harness.close();
      await own.stop();
    }
  });

  it('confirms everything before it closes, and refuses everything afterwards', async () => {
    const backend = redis.test.backend();
    await backend.publish(createEvent('first', 1));
    const publishing = publishMany(backend, 1000);
    await backend.close();
    expect((await publishing).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await redis.test.client.xlen(redis.test.key('stream'))).toBe(1001);
    await expect(backend.publish(createEvent('late', 1))).rejects.toBeInstanceOf(EventBusClosedError);
  });
});
