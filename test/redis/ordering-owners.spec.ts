import { describe, expect, it } from '@jest/globals';
import { shardOf } from '../../lib/backends/redis-streams/ordering/shard-number.js';
import { createEvent, type Event } from '../../lib/event.js';
import type { RedisStreamsBackend } from '../../lib/redis.js';
import { waitFor } from '../support/wait-for.js';
import { gate, type Seen } from './harness.js';
import { useRedis } from './use-redis.js';

const KEYS = Array.from({ length: 16 }, (_, i) => `key-${i}`);

function keyed(key: string, n: number): Event {
  return createEvent(`e.${n}`, n, { key });
}

describe('Redis Streams: owners of shards', () => {
  const redis = useRedis();

  const shardsOf = async (backend: RedisStreamsBackend) => (await backend.stats())['shards']!;

  /** Waits until the shards are spread like this, whoever has which part. */
  async function untilSpread(
    backends: readonly RedisStreamsBackend[],
    spread: readonly number[],
  ): Promise<void> {
    let last: number[] = [];
    await waitFor(
      async () => {
        last = await Promise.all(backends.map(shardsOf));
        return last.toSorted((a, b) => a - b).join() === spread.join();
      },
      { timeoutMs: 10_000, message: () => `shards to be spread ${spread.join()}, not ${last.join()}` },
    );
  }

  it('keeps the order of 16 keys while processes come and go', async () => {
    const running = new Map<string, number>();
    const order = new Map<string, number[]>(KEYS.map((key) => [key, []]));
    let together = 0;
    let handled = 0;
    const start = async () => {
      const backend = redis.test.backend({ leaseMs: 5000 });
      await redis.test.consume(backend, async ({ key, data }) => {
        running.set(key!, (running.get(key!) ?? 0) + 1);
        together = Math.max(together, running.get(key!)!);
        order.get(key!)!.push(data as number);
        if ((data as number) % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        running.set(key!, running.get(key!)! - 1);
        handled++;
      });
      return backend;
    };
    const producer = redis.test.backend();
    const first = await start();
    const second = await start();
    const producing = (async () => {
      for (let n = 0; n < 1000; n++) await Promise.all(KEYS.map((key) => producer.publish(keyed(key, n))));
    })();
    const until = (count: number) => waitFor(() => handled >= count, { timeoutMs: 60_000 });
    await until(3000);
    const third = await start();
    await untilSpread([first, second, third], [5, 5, 6]);
    await until(6000);
    await first.close();
    await until(9000);
    const fourth = await start();
    await untilSpread([second, third, fourth], [5, 5, 6]);
    await until(12_000);
    await second.close();
    await producing;
    await until(16_000);
    await third.idle(AbortSignal.timeout(10_000));
    for (const key of KEYS) expect(order.get(key)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
    expect(together).toBe(1);
    expect(handled).toBe(16_000);
  }, 120_000);

  it('gives a process that comes its part within a second, and takes nothing from it twice', async () => {
    const backends = [redis.test.backend({ leaseMs: 30_000 })];
    const seen: Seen[][] = [await redis.test.consume(backends[0]!)];
    await untilSpread(backends, [16]);
    for (const spread of [
      [8, 8],
      [5, 5, 6],
    ]) {
      const backend = redis.test.backend({ leaseMs: 30_000 });
      backends.push(backend);
      const startedAt = performance.now();
      seen.push(await redis.test.consume(backend));
      await untilSpread(backends, spread);
      expect(performance.now() - startedAt).toBeLessThan(1500);
    }
    for (const key of KEYS) await backends[0]!.publish(keyed(key, 1));
    await waitFor(() => seen.flat().length === 16);
    expect(seen.every((each) => each.length > 0)).toBe(true);
  });

  it('leaves its part to the others at once', async () => {
    const backends = Array.from({ length: 3 }, () => redis.test.backend({ leaseMs: 60_000 }));
    for (const backend of backends) await redis.test.consume(backend);
    await untilSpread(backends, [5, 5, 6]);
    for (const left of [2, 1]) {
      await backends.pop()!.close();
      const startedAt = performance.now();
      await untilSpread(backends, left === 2 ? [8, 8] : [16]);
      expect(performance.now() - startedAt).toBeLessThan(1500);
    }
  });

  it('spreads few shards over many processes, and then some have none', async () => {
    const backends = Array.from({ length: 5 }, () => redis.test.backend({ shards: 3 }));
    const seen = await Promise.all(backends.map((backend) => redis.test.consume(backend)));
    await untilSpread(backends, [0, 0, 1, 1, 1]);
    for (const key of KEYS) await backends[0]!.publish(keyed(key, 1));
    await waitFor(() => seen.flat().length === 16);
  });

  it('hands its shards to others at once when it shuts down, with what waits there', async () => {
    const leaving = redis.test.backend({ leaseMs: 60_000 });
    const { opened, open } = gate();
    const first = await redis.test.consume(leaving, () => opened);
    for (const n of [1, 2, 3]) await leaving.publish(keyed('a', n));
    await waitFor(() => first.length === 1);
    const staying = redis.test.backend({ leaseMs: 60_000 });
    const second = await redis.test.consume(staying);
    const draining = leaving.drain({ final: false, signal: AbortSignal.timeout(10_000) });
    // All but the one in which a handler runs.
    await waitFor(async () => (await shardsOf(staying)) === 15, { timeoutMs: 2000 });
    expect(second).toEqual([]);
    open();
    expect(await draining).toEqual({ released: 2 });
    await waitFor(() => second.length === 2, { timeoutMs: 2000 });
    expect(first).toHaveLength(1);
    expect(second.map(({ event }) => event.data)).toEqual([2, 3]);
    expect(second.map(({ delivery }) => delivery.redelivered)).toEqual([false, false]);
  });

  it('hands over what a handler does not finish by the deadline, and the retries that wait, with their counts', async () => {
    const leaving = redis.test.backend({ leaseMs: 60_000 });
    const first = await redis.test.consume(leaving, (event) => {
      if (event.key === 'a') return new Promise(() => undefined);
      const attempts = [{ at: 1, durationMs: 1, error: { name: 'Error', message: 'no luck' } }];
      return { status: 'failed', retries: [{ handlerId: 'mail', attempt: 2, delayMs: 1000, attempts }] };
    });
    await leaving.publish(keyed('a', 1));
    for (const n of [1, 2]) await leaving.publish(keyed('b', n));
    await waitFor(() => first.length === 2);
    await waitFor(async () => (await leaving.stats())['inFlight'] === 1);
    const at = performance.now();
    await leaving.drain({ final: false, signal: AbortSignal.timeout(100) });
    const second = await redis.test.consume(redis.test.backend({ leaseMs: 60_000 }));
    await waitFor(() => second.length === 3);
    const [endless, retried, next] = second;
    expect(endless!.event.key).toBe('a');
    expect(retried!.delivery).toMatchObject({ handlerId: 'mail', attempt: 2 });
    expect(retried!.delivery.attempts![0]!.error.message).toBe('no luck');
    expect(next!.event.data).toBe(2);
    expect(performance.now() - at).toBeGreaterThan(800);
  });

  /** Somebody else becomes the owner of the shard of a key, and has what is pending there. */
  async function steal(key: string): Promise<void> {
    const shard = shardOf(key, 16);
    const stream = redis.test.key(`stream:${shard}`);
    const ids = (await redis.test.client.xrange(stream, '-', '+')).map(([id]) => id);
    const theft = redis.test.client
      .multi()
      .hset(redis.test.key('shard-owners:service'), shard, `${Date.now() + 60_000} 0 thief`);
    if (ids.length > 0) theft.xclaim(stream, 'service', 'thief', 0, ...ids);
    await theft.exec();
  }

  async function ownersOf(key: string): Promise<string[]> {
    const stream = redis.test.key(`stream:${shardOf(key, 16)}`);
    const pending = (await redis.test.client.xpending(stream, 'service', '-', '+', 10)) as [string, string][];
    return pending.map(([, owner]) => owner);
  }

  it('reads nothing in a shard that is somebody else’s, whatever it believes', async () => {
    const backend = redis.test.backend({ leaseMs: 60_000 });
    const seen = await redis.test.consume(backend);
    await untilSpread([backend], [16]);
    await steal('a');
    await backend.publish(keyed('a', 1));
    await waitFor(async () => (await shardsOf(backend)) === 15);
    expect(seen).toEqual([]);
    expect(await ownersOf('a')).toEqual([]);
    expect(await backend.stats()).toMatchObject({ queued: 1 });
  });

  it.each([
    ['acknowledge', {}],
    ['settle', { status: 'failed', retries: [{ handlerId: 'mail', attempt: 2, delayMs: 0, attempts: [] }] }],
  ] as const)('cannot %s in a shard that was stolen before it noticed', async (_, outcome) => {
    const backend = redis.test.backend({ leaseMs: 100 });
    for (const n of [1, 2]) await backend.publish(keyed('a', n));
    const seen = await redis.test.consume(backend, async () => {
      await steal('a');
      // The event loop is held for longer than the lease: no renewal can run.
      const until = Date.now() + 250;
      while (Date.now() < until);
      return outcome;
    });
    await waitFor(async () => seen.length > 0 && (await backend.stats())['inFlight'] === 0);
    await waitFor(async () => (await shardsOf(backend)) === 15);
    await backend.close();
    expect(seen).toHaveLength(1);
    expect(await ownersOf('a')).toEqual(['thief', 'thief']);
    expect(await redis.test.client.exists(redis.test.key('shard-progress:service'))).toBe(0);
    expect(await redis.test.client.xlen(redis.test.key('retry:service'))).toBe(0);
  });

  it('aborts the signal of what runs in a shard that was stolen', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend, (_, { signal }) => {
      return new Promise((resolve) => signal!.addEventListener('abort', () => resolve()));
    });
    await backend.publish(keyed('a', 1));
    await waitFor(() => seen.length === 1);
    await steal('a');
    await waitFor(() => seen[0]!.delivery.signal!.aborted);
    await waitFor(async () => (await backend.stats())['inFlight'] === 0);
    expect(await ownersOf('a')).toEqual(['thief']);
  });

  it('forgets what it held of a shard that others had meanwhile, also when it has the shard again', async () => {
    const backend = redis.test.backend();
    for (const n of [1, 2]) await backend.publish(keyed('a', n));
    const seen = await redis.test.consume(backend, (event, { signal }) => {
      if (event.data !== 1) return;
      return new Promise((resolve) => signal!.addEventListener('abort', () => resolve()));
    });
    await waitFor(() => seen.length === 1);
    const shard = shardOf('a', 16);
    const stream = redis.test.key(`stream:${shard}`);
    const ids = (await redis.test.client.xrange(stream, '-', '+')).map(([id]) => id);
    await redis.test.client
      .multi()
      .xack(stream, 'service', ...ids)
      .hdel(redis.test.key('shard-owners:service'), String(shard))
      .exec();
    await waitFor(() => seen[0]!.delivery.signal!.aborted);
    await backend.publish(keyed('a', 3));
    await waitFor(() => seen.length === 2);
    await backend.idle(AbortSignal.timeout(5000));
    expect(seen.map(({ event }) => event.data)).toEqual([1, 3]);
    expect(await shardsOf(backend)).toBe(16);
  });

  it('does not keep the other keys of a shard waiting for long because of one endless handler', async () => {
    const inShard = (shard: number) => KEYS.filter((key) => shardOf(key, 2) === shard);
    const [[endless0, quick0], [endless1, quick1]] = [inShard(0), inShard(1)] as [string[], string[]];
    const busy = redis.test.backend({ shards: 2, leaseMs: 60_000 });
    const { opened, open } = gate();
    const seen = await redis.test.consume(busy, ({ key }) => {
      return key === endless0 || key === endless1 ? opened : undefined;
    });
    await busy.publish(keyed(endless0!, 1));
    await busy.publish(keyed(endless1!, 1));
    await waitFor(() => seen.length === 2);
    const newcomer = redis.test.backend({ shards: 2, leaseMs: 60_000 });
    const other = await redis.test.consume(newcomer);
    await untilSpread([busy, newcomer], [0, 2]);
    for (const n of [1, 2, 3]) for (const key of [quick0!, quick1!]) await busy.publish(keyed(key, n));
    await waitFor(() => seen.length === 8, { timeoutMs: 12_000 });
    expect(other).toEqual([]);
    open();
    await waitFor(async () => (await busy.stats())['inFlight'] === 0);
  });
});
