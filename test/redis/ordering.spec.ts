import { describe, expect, it } from '@jest/globals';
import type { HandlerRetry } from '../../lib/backends/backend.js';
import { shardOf } from '../../lib/backends/redis-streams/ordering/shard-number.js';
import { EventConfigurationError } from '../../lib/errors.js';
import { createEvent, type Event } from '../../lib/event.js';
import { waitFor } from '../support/wait-for.js';
import { deadLetterOf, gate, type Answer, type Seen } from './harness.js';
import { useRedis } from './use-redis.js';

/** An event of a key. Its type is what a test looks for. */
function keyed(key: string, type: string): Event {
  return createEvent(type, {}, { key });
}

/** Types of the events of a key, in the order in which they came. */
function orderOf(seen: readonly Seen[], key: string): string[] {
  return seen.filter(({ event }) => event.key === key).map(({ event }) => event.type);
}

const RETRY: HandlerRetry = { handlerId: 'mail', attempt: 2, delayMs: 200, attempts: [] };

/** Fails an event of this type as often as told, then lets it pass. */
function failing(type: string, times: number, delayMs = 200): Answer {
  let failures = 0;
  return (event) => {
    if (event.type !== type || failures === times) return;
    failures++;
    return { status: 'failed', retries: [{ ...RETRY, attempt: failures + 1, delayMs }] };
  };
}

describe('Redis Streams: order by key', () => {
  const redis = useRedis();

  it('keeps the order of each key in one of the shards, and everything else in the main stream', async () => {
    const backend = redis.test.backend();
    await backend.publish(createEvent('free', {}));
    for (let i = 0; i < 20; i++) await backend.publish(keyed(`key-${i}`, `e.${i}`));
    expect(await redis.test.client.xlen(redis.test.key('stream'))).toBe(1);
    const lengths = await Promise.all(
      Array.from({ length: 16 }, (_, shard) => redis.test.client.xlen(redis.test.key(`stream:${shard}`))),
    );
    expect(lengths.reduce((sum, length) => sum + length)).toBe(20);
    expect(lengths[shardOf('key-7', 16)]).toBeGreaterThan(0);
    const seen = await redis.test.consume(backend);
    await waitFor(() => seen.length === 21);
    await backend.idle(AbortSignal.timeout(5000));
    expect(await backend.stats()).toMatchObject({ pending: 0, queued: 0, shards: 16, ordered: 0 });
  });

  it('spreads keys as CRC-32 does, which programs in other languages can do as well', () => {
    // The check value of CRC-32: 0xCBF43926.
    expect(shardOf('123456789', 2 ** 32)).toBe(0xcbf43926);
    expect(shardOf('grün', 16)).toBe(shardOf('grün', 256) % 16);
  });

  it('handles one event of a key at a time, and other keys meanwhile', async () => {
    const backend = redis.test.backend();
    const { opened, open } = gate();
    const seen = await redis.test.consume(backend, (event) => (event.type === 'a.1' ? opened : undefined));
    for (const event of [keyed('a', 'a.1'), keyed('a', 'a.2'), keyed('b', 'b.1'), keyed('b', 'b.2')])
      await backend.publish(event);
    await waitFor(() => orderOf(seen, 'b').length === 2);
    expect(orderOf(seen, 'a')).toEqual(['a.1']);
    expect(await backend.stats()).toMatchObject({ inFlight: 1 });
    open();
    await waitFor(() => orderOf(seen, 'a').length === 2);
    expect(orderOf(seen, 'a')).toEqual(['a.1', 'a.2']);
  });

  it('holds a key back while its event waits for a retry, and nothing else', async () => {
    const backend = redis.test.backend({ concurrency: 1 });
    const fail = failing('a.1', 2);
    const addressed: unknown[] = [];
    const seen = await redis.test.consume(backend, (event, delivery) => {
      if (event.type === 'a.1') addressed.push([delivery.handlerId, delivery.attempt]);
      return fail(event, delivery);
    });
    for (const event of [keyed('a', 'a.1'), keyed('a', 'a.2'), keyed('b', 'b.1'), createEvent('free', {})])
      await backend.publish(event);
    await waitFor(() => orderOf(seen, 'a').length === 4);
    expect(orderOf(seen, 'a')).toEqual(['a.1', 'a.1', 'a.1', 'a.2']);
    const types = seen.map(({ event }) => event.type);
    expect(types.indexOf('b.1')).toBeLessThan(types.lastIndexOf('a.1'));
    expect(types.indexOf('free')).toBeLessThan(types.lastIndexOf('a.1'));
    // A retry is for the handler that failed.
    expect(addressed.slice(1)).toEqual([
      ['mail', 2],
      ['mail', 3],
    ]);
    await backend.idle(AbortSignal.timeout(5000));
    expect(await redis.test.client.exists(redis.test.key('shard-progress:service'))).toBe(0);
  });

  it('goes on with other keys of a shard when hundreds of events wait behind one', async () => {
    const backend = redis.test.backend({ shards: 1, leaseMs: 5000 });
    const seen = await redis.test.consume(backend, failing('a.0', 1, 3000));
    for (let i = 0; i < 400; i++) await backend.publish(keyed('a', `a.${i}`));
    await backend.publish(keyed('b', 'b.1'));
    await waitFor(() => orderOf(seen, 'b').length === 1);
    expect(orderOf(seen, 'a')).toEqual(['a.0']);
    await waitFor(() => orderOf(seen, 'a').length === 401, { timeoutMs: 15_000 });
    expect(orderOf(seen, 'a').slice(1)).toEqual(Array.from({ length: 400 }, (_, i) => `a.${i}`));
  });

  it('goes on with a key while a retry waits, where that is wanted', async () => {
    const backend = redis.test.backend({}, { onKeyFailure: 'skip' });
    const seen = await redis.test.consume(backend, failing('a.1', 1));
    for (const type of ['a.1', 'a.2', 'a.3']) await backend.publish(keyed('a', type));
    await waitFor(() => seen.length === 4);
    expect(orderOf(seen, 'a')).toEqual(['a.1', 'a.2', 'a.3', 'a.1']);
  });

  it('waits for every handler of an event before the next one of its key', async () => {
    const backend = redis.test.backend();
    const calls: string[] = [];
    await redis.test.consume(backend, (event, { handlerId, attempt = 1 }) => {
      calls.push(`${event.type} ${handlerId ?? 'all'} ${attempt}`);
      if (event.type !== 'a.1' || (handlerId === 'stock' && attempt === 2)) return;
      const stock = { ...RETRY, handlerId: 'stock', delayMs: 300 };
      const mail = { ...RETRY, attempt: attempt + 1, delayMs: 50 };
      if (handlerId === undefined) return { status: 'failed', retries: [stock, mail] };
      return attempt < 3 ? { status: 'failed', retries: [mail] } : undefined;
    });
    await backend.publish(keyed('a', 'a.1'));
    await backend.publish(keyed('a', 'a.2'));
    await waitFor(() => calls.length === 5);
    expect(calls).toEqual(['a.1 all 1', 'a.1 mail 2', 'a.1 mail 3', 'a.1 stock 2', 'a.2 all 1']);
  });

  it('lets a key go on when its event is a dead letter, which comes back out of order', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend, (event, { deadLetterId }) => {
      if (event.type !== 'a.1' || deadLetterId !== undefined) return;
      return { status: 'failed', deadLetters: [deadLetterOf(event, 'mail')] };
    });
    await backend.publish(keyed('a', 'a.1'));
    await backend.publish(keyed('a', 'a.2'));
    await waitFor(() => seen.length === 2);
    await backend.idle(AbortSignal.timeout(5000));
    const { entries } = await backend.deadLetters.list();
    expect(entries.map(({ event }) => event.type)).toEqual(['a.1']);
    await backend.deadLetters.requeue(entries[0]!.id);
    await waitFor(() => seen.length === 3);
    expect(seen[2]!.delivery).toMatchObject({ handlerId: 'mail', deadLetterId: entries[0]!.id });
  });

  it('keeps the order of delayed events by the time at which they are due', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    await backend.publish(keyed('a', 'third'), { delayMs: 300 });
    await backend.publish(keyed('a', 'second'), { delayMs: 200 });
    await backend.publish(keyed('a', 'first'));
    await waitFor(() => seen.length === 3);
    expect(orderOf(seen, 'a')).toEqual(['first', 'second', 'third']);
    expect(await redis.test.client.xlen(redis.test.key('stream'))).toBe(0);
  });

  it('stores an event of a chosen id once, in the shard of its key', async () => {
    const backend = redis.test.backend();
    const event = createEvent('once', {}, { key: 'a', id: 'mine' });
    expect(await backend.publish(event, { deduplicate: true })).toBeUndefined();
    expect(await backend.publish(event, { deduplicate: true })).toEqual({ duplicate: true });
    expect(await redis.test.client.xlen(redis.test.key(`stream:${shardOf('a', 16)}`))).toBe(1);
  });

  it('gives events with a key to the broadcast handlers of every process', async () => {
    const host = { hasBroadcastHandlers: () => true };
    const backends = [redis.test.backend({}, host), redis.test.backend({}, host)];
    const seen = await Promise.all(backends.map((backend) => redis.test.consume(backend)));
    for (let i = 0; i < 20; i++) await backends[0]!.publish(keyed(`key-${i}`, `e.${i}`));
    const broadcasts = (each: Seen[]) => each.filter(({ delivery }) => delivery.audience === 'broadcast');
    await waitFor(() => seen.every((each) => broadcasts(each).length === 20));
    await waitFor(() => seen.flat().length === 60);
  });

  it('shares its places fairly with events without a key', async () => {
    const backend = redis.test.backend({ concurrency: 2 });
    const wait = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
    const seen = await redis.test.consume(backend, wait);
    await Promise.all(Array.from({ length: 100 }, (_, i) => backend.publish(keyed(`key-${i}`, 'keyed'))));
    await Promise.all(Array.from({ length: 100 }, () => backend.publish(createEvent('free', {}))));
    await waitFor(() => seen.length >= 100);
    const free = seen.slice(0, 100).filter(({ event }) => event.type === 'free');
    expect(free.length).toBeGreaterThan(25);
    expect(free.length).toBeLessThan(75);
    await waitFor(() => seen.length === 200);
  });

  it('refuses to start with another number of shards, naming both', async () => {
    const first = redis.test.backend({ shards: 8 });
    await redis.test.consume(first);
    const second = redis.test.backend({ shards: 4 });
    const starting = redis.test.consume(second);
    await expect(starting).rejects.toBeInstanceOf(EventConfigurationError);
    await expect(starting).rejects.toThrow(/'shards' of RedisStreamsBackend is 4, but .* has 8/);
    await expect(second.publish(keyed('a', 'a.1'))).rejects.toThrow('Set');
    await second.publish(createEvent('free', {}));
  });

  it.each([0, 257, 1.5])('refuses %p shards', (shards) => {
    expect(() => redis.test.backend({ shards })).toThrow(/'shards'.*from 1 to 256/);
  });

  it('makes dead letters of what nobody can read, also in a shard', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    await redis.test.client.xadd(redis.test.key('stream:3'), '*', 'event', 'not json');
    await waitFor(async () => (await backend.deadLetters.list()).entries.length === 1);
    await backend.idle(AbortSignal.timeout(5000));
    expect(seen).toEqual([]);
  });

  it('goes on after the database was flushed', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    await backend.publish(keyed('a', 'a.1'));
    await waitFor(() => seen.length === 1);
    await redis.test.client.flushall();
    await backend.publish(keyed('a', 'a.2'));
    await waitFor(() => seen.length === 2);
    await waitFor(async () => (await redis.test.client.get(redis.test.key('shards'))) === '16');
  });

  it('trims shards like the main stream', async () => {
    const backend = redis.test.backend({ trimMinAgeMs: 0 });
    const seen = await redis.test.consume(backend);
    for (let i = 0; i < 10; i++) await backend.publish(keyed('a', `a.${i}`));
    await waitFor(() => seen.length === 10);
    const stream = redis.test.key(`stream:${shardOf('a', 16)}`);
    await waitFor(async () => (await redis.test.client.xlen(stream)) <= 1);
  });
});
