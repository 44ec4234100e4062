import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { CANCEL } from '../../lib/backends/redis-streams/scripts/publishing.js';
import { createEvent } from '../../lib/event.js';
import type { RedisStreamsBackend } from '../../lib/redis.js';
import { loseTheAnswer } from '../support/lost-answer.js';
import { describeWithOwnRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import type { Seen } from './harness.js';
import { useRedis } from './use-redis.js';

const idsOf = (seen: readonly Seen[]) => seen.map(({ event }) => event.id);
const unique = (ids: readonly string[]) => new Set(ids).size;

/** Puts many on the schedule. Resolves with their ids. */
function scheduleMany(backend: RedisStreamsBackend, count: number, delayMs: number): Promise<string[]> {
  const events = Array.from({ length: count }, (_, i) => createEvent('delayed', i));
  return Promise.all(events.map((event) => backend.publish(event, { delayMs }).then(() => event.id)));
}

describe('Redis Streams: delayed events', () => {
  const redis = useRedis();
  const onSchedule = async () => [
    await redis.test.client.zcard(redis.test.key('schedule')),
    await redis.test.client.hlen(redis.test.key('scheduled')),
  ];

  it('come once each, however many processes look for them', async () => {
    const ids = await scheduleMany(redis.test.backend(), 1000, 1);
    const backends = Array.from({ length: 4 }, () => redis.test.backend({ concurrency: 50 }));
    const seen = await Promise.all(backends.map((backend) => redis.test.consume(backend)));
    await waitFor(() => unique(seen.flatMap(idsOf)) === ids.length, { timeoutMs: 10_000 });
    await Promise.all(backends.map((backend) => backend.idle(AbortSignal.timeout(5000))));
    expect(seen.flatMap(idsOf)).toHaveLength(ids.length);
    expect(await onSchedule()).toEqual([0, 0]);
  });

  it('come in the order of their times', async () => {
    const backend = redis.test.backend({ concurrency: 1 });
    const delays = [300, 100, 200, 1, 250];
    await Promise.all(delays.map((delayMs) => backend.publish(createEvent('delayed', delayMs), { delayMs })));
    const seen = await redis.test.consume(backend);
    await waitFor(() => seen.length === delays.length);
    expect(seen.map(({ event }) => event.data)).toEqual([1, 100, 200, 250, 300]);
  });

  it('are cancelled by id: whoever is told so, the event never comes', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    const [cancelled, kept] = await scheduleMany(backend, 2, 300);
    expect(await backend.cancel(cancelled!)).toBe(true);
    expect(await backend.cancel(cancelled!)).toBe(false);
    await waitFor(() => seen.length === 1);
    await backend.idle(AbortSignal.timeout(5000));
    expect(idsOf(seen)).toEqual([kept]);
    expect(await backend.cancel(kept!)).toBe(false);
    expect(await backend.cancel('unknown')).toBe(false);
    expect(await onSchedule()).toEqual([0, 0]);
  });

  it('are cancelled when the answer that says so is lost, and asked for again', async () => {
    const client = new Redis(redis.server.url);
    try {
      const backend = redis.test.backend({ connection: client });
      const [cancelled] = await scheduleMany(backend, 1, 60_000);
      const lost = loseTheAnswer(client, ([sha]) => sha === CANCEL.sha);
      expect(await backend.cancel(cancelled!)).toBe(true);
      expect(lost()).toBe(true);
      expect(await backend.cancel(cancelled!)).toBe(false);
      expect(await onSchedule()).toEqual([0, 0]);
    } finally {
      client.disconnect();
    }
  });

  it('are cancelled by another process as well, and may be emitted again with the same id', async () => {
    const [first, second] = [
      redis.test.backend({}, { source: 'shop' }),
      redis.test.backend({}, { source: 'shop' }),
    ];
    const emit = (data: number) =>
      first.publish(createEvent('reminder', data, { id: 'order-1', source: 'shop' }), {
        delayMs: 100,
        deduplicate: true,
      });
    await emit(1);
    expect(await emit(2)).toEqual({ duplicate: true });
    expect(await second.cancel('order-1')).toBe(true);
    expect(await emit(3)).toBeUndefined();
    const seen = await redis.test.consume(first);
    await waitFor(() => seen.length === 1);
    expect(seen[0]!.event.data).toBe(3);
    // It was delivered, so this id stays taken.
    expect(await second.cancel('order-1')).toBe(false);
    expect(await emit(4)).toEqual({ duplicate: true });
  });

  it('of another service are not cancelled by an id that both use', async () => {
    const shop = redis.test.backend({}, { source: 'shop' });
    const event = createEvent('reminder', 1, { id: 'order-1', source: 'bank' });
    await shop.publish(event, { delayMs: 60_000, deduplicate: true });
    expect(await shop.cancel('order-1')).toBe(false);
    expect(await redis.test.backend({}, { source: 'bank' }).cancel('order-1')).toBe(true);
  });

  it('are either cancelled or delivered, never both and never neither, while they become due', async () => {
    const backends = Array.from({ length: 3 }, () => redis.test.backend({ concurrency: 50 }));
    const seen = await Promise.all(backends.map((backend) => redis.test.consume(backend)));
    const events = Array.from({ length: 1500 }, (_, i) => createEvent('delayed', i));
    const cancelled: string[] = [];
    // Each is cancelled at about the time it is due, a little before or after.
    await Promise.all(
      events.map(async (event, i) => {
        const delayMs = 50 + (i % 500);
        const published = backends[i % 3]!.publish(event, { delayMs });
        const wait = new Promise((resolve) => setTimeout(resolve, delayMs + (i % 7) * 10 - 20));
        await Promise.all([published, wait]);
        if (await backends[(i + 1) % 3]!.cancel(event.id)) cancelled.push(event.id);
      }),
    );
    const outcomes = () => [...cancelled, ...seen.flatMap(idsOf)];
    await waitFor(() => unique(outcomes()) === events.length, { timeoutMs: 10_000 });
    await Promise.all(backends.map((backend) => backend.idle(AbortSignal.timeout(5000))));
    expect(outcomes()).toHaveLength(events.length);
    expect(cancelled.length).toBeGreaterThan(0);
    expect(cancelled.length).toBeLessThan(events.length);
    expect(await onSchedule()).toEqual([0, 0]);
  });

  it('are refused when they are too large', async () => {
    const backend = redis.test.backend({ maxEventBytes: 1000 });
    const large = createEvent('large', 'x'.repeat(1000));
    await expect(backend.publish(large, { delayMs: 10 })).rejects.toThrow("option 'maxEventBytes'");
    expect(await onSchedule()).toEqual([0, 0]);
  });
});

describeWithOwnRedis('Redis Streams: delayed events and a server that fails', () => {
  const redis = useRedis();

  it('outlive the server and every process, as do the cancelled ones and the ids that are taken', async () => {
    const producer = redis.test.backend();
    const [cancelled, ...kept] = await scheduleMany(producer, 20, 500);
    const chosen = createEvent('delayed', 'chosen', { id: 'chosen' });
    const options = { delayMs: 500, deduplicate: true };
    await producer.publish(chosen, options);
    expect(await producer.cancel(cancelled!)).toBe(true);
    await producer.close();
    await redis.server.kill9();
    await redis.server.restart();
    const backend = redis.test.backend();
    expect(await backend.publish(chosen, options)).toEqual({ duplicate: true });
    const seen = await redis.test.consume(backend);
    await waitFor(() => seen.length >= kept.length + 1);
    await backend.idle(AbortSignal.timeout(5000));
    expect(new Set(idsOf(seen))).toEqual(new Set([...kept, 'chosen']));
    expect(seen).toHaveLength(kept.length + 1);
  });

  it('wait on while Redis has no room to move them, and come afterwards', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    const ids = await scheduleMany(backend, 50, 800);
    await redis.test.client.config('SET', 'maxmemory', '1mb');
    try {
      await waitFor(() => redis.test.reports.some(({ message }) => message.includes('OOM')));
      expect(await redis.test.client.zcard(redis.test.key('schedule'))).toBe(50);
    } finally {
      await redis.test.client.config('SET', 'maxmemory', '0');
    }
    await waitFor(() => seen.length === ids.length, { timeoutMs: 10_000 });
    await backend.idle(AbortSignal.timeout(5000));
    expect(new Set(idsOf(seen))).toEqual(new Set(ids));
    expect(seen).toHaveLength(ids.length);
  });

  it('are moved once each although the server is killed in the middle of it', async () => {
    const ids = await scheduleMany(redis.test.backend(), 4000, 1);
    const backends = [redis.test.backend(), redis.test.backend()];
    await Promise.all(backends.map((backend) => redis.test.consume(backend)));
    await waitFor(async () => (await redis.test.client.zcard(redis.test.key('schedule'))) < ids.length, {
      intervalMs: 1,
    });
    await redis.server.kill9();
    await redis.server.restart();
    await waitFor(async () => (await redis.test.client.zcard(redis.test.key('schedule'))) === 0, {
      timeoutMs: 15_000,
    });
    const entries = await redis.test.client.xrange(redis.test.key('stream'), '-', '+');
    const moved = entries.map(([, fields]) => JSON.parse(fields[1]!).id as string);
    expect(new Set(moved)).toEqual(new Set(ids));
    expect(moved).toHaveLength(ids.length);
  }, 30_000);

  it('are not reported as cancelled when the server does not answer', async () => {
    const backend = redis.test.backend({ publishTimeoutMs: 300 });
    const [id] = await scheduleMany(backend, 1, 60_000);
    await redis.server.pause();
    try {
      await expect(backend.cancel(id!)).rejects.toThrow(`did not confirm that event ${id} is cancelled`);
    } finally {
      await redis.server.resume();
    }
  });
});
