import { describe, expect, it } from '@jest/globals';
import { createEvent } from '../../lib/event.js';
import { waitFor } from '../support/wait-for.js';
import { gate } from './harness.js';
import { useRedis } from './use-redis.js';

const LEASE_MS = 300;

describe('Redis Streams: leases', () => {
  const redis = useRedis();

  /** Entries of the stream go to a consumer that is dead from the start. */
  async function leaveToTheDead(count: number, type = 'left'): Promise<string[]> {
    const key = redis.test.key('stream');
    await redis.test.client.xgroup('CREATE', key, 'service', '0', 'MKSTREAM');
    const producer = redis.test.backend();
    for (let i = 0; i < count; i++) await producer.publish(createEvent(`${type}.${i}`, i));
    const reply = await redis.test.client.xreadgroup(
      'GROUP',
      'service',
      'dead',
      'COUNT',
      count,
      'STREAMS',
      key,
      '>',
    );
    return (reply as [string, [string, string[]][]][])[0]![1].map(([id]) => id);
  }

  /** Who has what is pending. */
  async function owners(key: string): Promise<string[]> {
    const pending = (await redis.test.client.xpending(key, 'service', '-', '+', 10)) as [string, string][];
    return pending.map(([, owner]) => owner);
  }

  it('runs a handler of four leases once, with peers looking for work', async () => {
    const backends = [redis.test.backend(), redis.test.backend()];
    const seen = await Promise.all(
      backends.map((backend) =>
        redis.test.consume(backend, () => new Promise((resolve) => setTimeout(resolve, 4 * LEASE_MS))),
      ),
    );
    await backends[0]!.publish(createEvent('long', {}));
    await waitFor(() => seen.flat().length === 1);
    await backends[0]!.idle(AbortSignal.timeout(5000));
    expect(seen.flat()).toHaveLength(1);
    expect(seen.flat()[0]!.delivery.signal!.aborted).toBe(false);
  });

  it('renews what waits in memory, too', async () => {
    const backends = [redis.test.backend({ concurrency: 1 }), redis.test.backend({ concurrency: 1 })];
    const { opened, open } = gate();
    const seen = await Promise.all(backends.map((backend) => redis.test.consume(backend, () => opened)));
    for (let i = 0; i < 6; i++) await backends[0]!.publish(createEvent('queued', i));
    await waitFor(() => seen.flat().length === 2);
    const startedAt = Date.now();
    await waitFor(() => Date.now() - startedAt > 3 * LEASE_MS);
    open();
    await backends[0]!.idle(AbortSignal.timeout(5000));
    expect(seen.flat()).toHaveLength(6);
    expect(seen.flat().every(({ delivery }) => !delivery.redelivered)).toBe(true);
  });

  it('aborts the signal of a stolen delivery, whose outcome then has no effect', async () => {
    const backend = redis.test.backend();
    const { opened, open } = gate();
    const seen = await redis.test.consume(backend, async (event) => {
      await opened;
      const retry = { handlerId: 'mail', attempt: 2, delayMs: 0, attempts: [] };
      return event.type === 'fails' ? { status: 'failed', retries: [retry] } : undefined;
    });
    await backend.publish(createEvent('works', {}));
    await backend.publish(createEvent('fails', {}));
    await waitFor(() => seen.length === 2);
    const signals = seen.map(({ delivery }) => delivery.signal!);
    const key = redis.test.key('stream');
    const ids = (await redis.test.client.xrange(key, '-', '+')).map(([id]) => id);
    await redis.test.client.xclaim(key, 'service', 'thief', 0, ...ids);
    await waitFor(() => signals.every(({ aborted }) => aborted));
    open();
    await waitFor(async () => (await backend.stats())['inFlight'] === 0);
    // Neither acknowledged nor renewed, nor retried on behalf of the thief.
    const pending = (await redis.test.client.xpending(key, 'service', '-', '+', 10)) as [string, string][];
    expect(pending.map(([id, owner]) => [id, owner])).toEqual(ids.map((id) => [id, 'thief']));
    expect(await redis.test.client.xlen(redis.test.key('retry:service'))).toBe(0);
  });

  it.each([
    ['acknowledge', {}],
    ['settle', { status: 'failed', retries: [{ handlerId: 'mail', attempt: 2, delayMs: 0, attempts: [] }] }],
  ] as const)('cannot %s what was stolen before it noticed', async (_, outcome) => {
    const backend = redis.test.backend({ leaseMs: 100 });
    const key = redis.test.key('stream');
    await redis.test.consume(backend, async () => {
      const [[id]] = (await redis.test.client.xrange(key, '-', '+')) as [[string, string[]]];
      // The event loop is held for longer than the lease: no renewal can run.
      const until = Date.now() + 250;
      while (Date.now() < until);
      await redis.test.client.xclaim(key, 'service', 'thief', 0, id);
      return outcome;
    });
    await backend.publish(createEvent('blocked', {}));
    await waitFor(async () => (await backend.stats())['inFlight'] === 0);
    await waitFor(async () => (await owners(key)).includes('thief'));
    await backend.close();
    expect(await owners(key)).toEqual(['thief']);
    expect(await redis.test.client.xlen(redis.test.key('retry:service'))).toBe(0);
  });

  it('takes over what a dead process left, as redelivered', async () => {
    await leaveToTheDead(20);
    const startedAt = Date.now();
    const seen = await redis.test.consume(redis.test.backend());
    await waitFor(() => seen.length === 20);
    expect(Date.now() - startedAt).toBeLessThan(LEASE_MS * 3 + 500);
    expect(seen.every(({ delivery }) => delivery.redelivered)).toBe(true);
  });

  it('finds a crash loop at place 400 of 500, and handles the rest', async () => {
    const ids = await leaveToTheDead(500);
    await redis.test.client.xclaim(
      redis.test.key('stream'),
      'service',
      'dead',
      0,
      ids[400]!,
      'RETRYCOUNT',
      10,
    );
    const backend = redis.test.backend({ maxDeliveries: 10, concurrency: 5 });
    const seen = await redis.test.consume(backend);
    await waitFor(() => seen.length === 499, { timeoutMs: 10_000 });
    await backend.idle(AbortSignal.timeout(5000));
    const { entries } = await backend.deadLetters.list();
    expect(entries).toHaveLength(1);
    expect(entries[0]!.event.type).toBe('left.400');
    expect(entries[0]!.handlerId).toBe('*');
    expect(entries[0]!.attempts[0]!.error.message).toContain('taken up 10 times');
    expect(new Set(seen.map(({ event }) => event.type)).size).toBe(499);
  });

  it('lets two processes take over without handling anything twice', async () => {
    await leaveToTheDead(200);
    const seen = await Promise.all(
      [redis.test.backend(), redis.test.backend()].map((backend) => redis.test.consume(backend)),
    );
    await waitFor(() => seen.flat().length >= 200);
    await redis.test.backend().idle(AbortSignal.timeout(5000));
    expect(new Set(seen.flat().map(({ event }) => event.id)).size).toBe(200);
    expect(seen.flat()).toHaveLength(200);
  });

  it('counts entries that were deleted before anybody handled them, and forgets them', async () => {
    const ids = await leaveToTheDead(10);
    await redis.test.client.xdel(redis.test.key('stream'), ...ids.slice(0, 4));
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    await waitFor(() => seen.length === 6);
    await backend.idle(AbortSignal.timeout(5000));
    expect(await backend.stats()).toMatchObject({ lost: 4, pending: 0 });
  });

  it('never removes a consumer with work, and removes idle ones at the end', async () => {
    await leaveToTheDead(1);
    const backend = redis.test.backend({ leaseMs: 60_000 });
    const seen = await redis.test.consume(backend);
    await backend.publish(createEvent('own', {}));
    await waitFor(() => seen.length === 1);
    await waitFor(async () => (await backend.stats())['pending'] === 1);
    await backend.close();
    const consumers = (await redis.test.client.xinfo(
      'CONSUMERS',
      redis.test.key('stream'),
      'service',
    )) as string[][];
    expect(consumers.map((consumer) => consumer[1])).toEqual(['dead']);
  });
});
