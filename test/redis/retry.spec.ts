import { describe, expect, it } from '@jest/globals';
import { createEvent } from '../../lib/event.js';
import type { HandlerRetry } from '../../lib/backends/backend.js';
import { rawFieldsOf } from '../../lib/backends/redis-streams/raw-fields.js';
import { waitFor } from '../support/wait-for.js';
import { deadLetterOf } from './harness.js';
import { useRedis } from './use-redis.js';

const retryOf = (attempt: number, delayMs: number, handlerId = 'mail'): HandlerRetry => ({
  handlerId,
  attempt,
  delayMs,
  attempts: [{ at: 1, durationMs: 2, error: { name: 'Error', message: `try ${attempt - 1}` } }],
});

describe('Redis Streams: retries', () => {
  const redis = useRedis();

  it('gives a retry to the handler that failed, in its own group only, with its history', async () => {
    const backend = redis.test.backend();
    const other = await redis.test.consume(redis.test.backend({ group: 'other' }));
    const seen = await redis.test.consume(backend, (_, { attempt = 1 }) =>
      attempt === 1 ? { status: 'failed', retries: [retryOf(2, 0), retryOf(2, 50, 'crm')] } : undefined,
    );
    await backend.publish(createEvent('signup', { n: 1 }));
    await waitFor(() => seen.length === 3);
    await backend.idle(AbortSignal.timeout(5000));
    expect(seen.slice(1).map(({ delivery: { handlerId, attempt } }) => [handlerId, attempt])).toEqual([
      ['mail', 2],
      ['crm', 2],
    ]);
    expect(seen[1]!.delivery.attempts).toEqual(retryOf(2, 0).attempts);
    expect(seen[1]!.event.data).toEqual({ n: 1 });
    expect(seen[1]!.event.id).toBe(seen[0]!.event.id);
    expect(other).toHaveLength(1);
  });

  it('waits as long as it was told', async () => {
    const backend = redis.test.backend();
    const times: number[] = [];
    await redis.test.consume(backend, (_, { attempt = 1 }) => {
      times.push(Date.now());
      return attempt < 4 ? { status: 'failed', retries: [retryOf(attempt + 1, 100 * attempt)] } : undefined;
    });
    await backend.publish(createEvent('signup', {}));
    await waitFor(() => times.length === 4);
    times.slice(1).forEach((time, i) => {
      const gap = time - times[i]!;
      expect(gap).toBeGreaterThanOrEqual(100 * (i + 1) - 1);
      expect(gap).toBeLessThan(100 * (i + 1) + 500);
    });
  });

  it('does not hold up others while it waits', async () => {
    const backend = redis.test.backend({ concurrency: 1 });
    const seen = await redis.test.consume(backend, async (event, { attempt = 1 }) => {
      if (event.type === 'good' || attempt > 1) return undefined;
      // Slow enough that nothing is read ahead: the next read has to wait for this outcome to be stored.
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { status: 'failed', retries: [retryOf(2, 60_000)] };
    });
    await backend.publish(createEvent('bad', {}));
    for (let i = 0; i < 20; i++) await backend.publish(createEvent('good', i));
    await waitFor(() => seen.length === 21);
    expect(await backend.stats()).toMatchObject({ scheduled: 1 });
  });

  it('continues to count attempts in the next process', async () => {
    const first = redis.test.backend();
    await redis.test.consume(first, () => ({ status: 'failed', retries: [retryOf(3, 300)] }));
    await first.publish(createEvent('signup', {}));
    await waitFor(async () => (await first.stats())['scheduled'] === 1);
    await first.close();
    const seen = await redis.test.consume(redis.test.backend());
    await waitFor(() => seen.length === 1);
    expect(seen[0]!.delivery).toMatchObject({
      handlerId: 'mail',
      attempt: 3,
      attempts: retryOf(3, 0).attempts,
    });
  });

  it('moves each of a thousand due retries once, with two processes at it', async () => {
    const backends = [redis.test.backend({ concurrency: 200 }), redis.test.backend({ concurrency: 200 })];
    const retried = new Map<string, number>();
    await Promise.all(
      backends.map((backend) =>
        redis.test.consume(backend, (event, { attempt = 1 }) => {
          if (attempt === 1) return { status: 'failed', retries: [retryOf(2, 400)] };
          retried.set(event.id, (retried.get(event.id) ?? 0) + 1);
          return undefined;
        }),
      ),
    );
    await Promise.all(Array.from({ length: 1000 }, (_, i) => backends[0]!.publish(createEvent('signup', i))));
    await waitFor(() => retried.size === 1000, { timeoutMs: 10_000 });
    await backends[0]!.idle(AbortSignal.timeout(5000));
    expect([...retried.values()].every((count) => count === 1)).toBe(true);
    expect(await redis.test.client.hlen(redis.test.key('retry-scheduled:service'))).toBe(0);
  });

  it('stores a dead letter, and settles it when a retry succeeds', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend, (event, { deadLetterId }) =>
      deadLetterId
        ? { resolved: [deadLetterId] }
        : { status: 'failed', deadLetters: [deadLetterOf(event, 'mail')] },
    );
    await backend.publish(createEvent('signup', { n: 1 }));
    await waitFor(async () => (await backend.deadLetters.size()) === 1);
    const { entries } = await backend.deadLetters.list();
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ handlerId: 'mail', status: 'dead', id: `${seen[0]!.event.id}:mail` });
    expect(await backend.deadLetters.requeue(entries[0]!.id)).toBe(true);
    await waitFor(() => seen.length === 2);
    expect(seen[1]!.delivery).toMatchObject({
      handlerId: 'mail',
      deadLetterId: entries[0]!.id,
      redelivered: true,
    });
    await waitFor(async () => (await backend.deadLetters.get(entries[0]!.id))?.status === 'resolved');
    expect(await backend.deadLetters.size()).toBe(0);
  });

  it('keeps settling until Redis takes it', async () => {
    const backend = redis.test.backend();
    let failing = true;
    await redis.test.consume(backend, async () => {
      if (failing) await redis.test.client.config('SET', 'maxmemory', '1mb');
      return { status: 'failed', retries: [retryOf(2, 60_000)] };
    });
    await backend.publish(createEvent('signup', {}));
    try {
      await waitFor(() => redis.test.reports.some(({ message }) => message.includes('OOM')));
    } finally {
      failing = false;
      await redis.test.client.config('SET', 'maxmemory', '0');
    }
    await waitFor(async () => (await backend.stats())['scheduled'] === 1);
    await waitFor(async () => (await backend.stats())['pending'] === 0);
  });

  it('redelivers to one handler on demand', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    const event = createEvent('signup', { n: 1 });
    await backend.redeliver(event, { handlerId: 'mail', attempt: 2, deadLetterId: 'some:id' });
    await waitFor(() => seen.length === 1);
    expect(seen[0]!.event.id).toBe(event.id);
    expect(seen[0]!.delivery).toMatchObject({ handlerId: 'mail', attempt: 2, deadLetterId: 'some:id' });
  });

  it('retries events apart that share an id, each of its own source', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend, (_, { attempt = 1 }) =>
      attempt === 1
        ? { status: 'failed', retries: [{ handlerId: 'mail', attempt: 2, delayMs: 100, attempts: [] }] }
        : {},
    );
    for (const source of ['shop', 'bank'])
      await backend.publish(createEvent('paid', source, { id: '1', source }));
    await waitFor(() => seen.length === 4);
    const retried = seen.filter(({ delivery }) => delivery.attempt === 2);
    expect(retried.map(({ event }) => event.source).sort()).toEqual(['bank', 'shop']);
  });

  it('keeps unreadable entries as dead letters with what they held, and goes on', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    const garbage = ['not json', '{"type":"no id"}', '[]'];
    for (const text of garbage) await redis.test.client.xadd(redis.test.key('stream'), '*', 'event', text);
    await redis.test.client.xadd(redis.test.key('stream'), '*', 'other', 'fields');
    await backend.publish(createEvent('good', {}));
    await waitFor(() => seen.length === 1);
    await backend.idle(AbortSignal.timeout(5000));
    const { entries } = await backend.deadLetters.list();
    expect(entries.map(({ raw }) => rawFieldsOf(raw))).toEqual([
      ...garbage.map((event) => ({ event })),
      { other: 'fields' },
    ]);
    expect(entries.every(({ handlerId, event }) => handlerId === '*' && event.type === 'unreadable')).toBe(
      true,
    );
    expect(redis.test.reports).toHaveLength(4);
    // Retried, it is as unreadable as before, and still one entry.
    await backend.deadLetters.requeue(entries[0]!.id);
    await waitFor(async () => (await backend.deadLetters.get(entries[0]!.id))!.attempts.length === 2);
    expect(await backend.deadLetters.size()).toBe(4);
  });

  it('keeps bytes that are no text, and writes the same ones when they are retried', async () => {
    const backend = redis.test.backend();
    const bytes = Buffer.from([0, 255, 254, 128, 65, 10]);
    await redis.test.client.xadd(redis.test.key('stream'), '*', 'event', bytes);
    await redis.test.consume(backend);
    await waitFor(async () => (await backend.deadLetters.size()) === 1);
    const [entry] = (await backend.deadLetters.list()).entries;
    expect(rawFieldsOf(entry!.raw)).toEqual({ event: { base64: bytes.toString('base64') } });
    await backend.deadLetters.requeue(entry!.id);
    await waitFor(async () => (await backend.deadLetters.get(entry!.id))!.attempts.length === 2);
    const again = (await backend.deadLetters.get(entry!.id))!;
    expect(again.raw).toEqual(entry!.raw);
    expect(again.status).toBe('dead');
  });

  it('goes on after unreadable entries and crash loops when it runs one delivery at a time', async () => {
    const backend = redis.test.backend({ concurrency: 1, maxDeliveries: 1 });
    const key = redis.test.key('stream');
    await redis.test.client.xgroup('CREATE', key, 'service', '0', 'MKSTREAM');
    await backend.publish(createEvent('crashes', {}));
    await redis.test.client.xreadgroup('GROUP', 'service', 'dead', 'STREAMS', key, '>');
    for (let i = 0; i < 3; i++) await redis.test.client.xadd(key, '*', 'event', 'not json');
    await backend.publish(createEvent('good', {}));
    const seen = await redis.test.consume(backend);
    await backend.idle(AbortSignal.timeout(5000));
    expect(seen.map(({ event }) => event.type)).toEqual(['good']);
    expect(await backend.deadLetters.size()).toBe(4);
  });
});
