import { describe, expect, it } from '@jest/globals';
import { createEvent } from '../../lib/event.js';
import { waitFor } from '../support/wait-for.js';
import { gate } from './harness.js';
import { useRedis } from './use-redis.js';

describe('Redis Streams: trimming', () => {
  const redis = useRedis();

  const length = () => redis.test.client.xlen(redis.test.key('stream'));

  it('removes what every group has handled', async () => {
    const backend = redis.test.backend({ trimMinAgeMs: 0 });
    const seen = await redis.test.consume(backend);
    await Promise.all(Array.from({ length: 300 }, (_, i) => backend.publish(createEvent('trimmed', i))));
    await waitFor(() => seen.length === 300);
    await waitFor(async () => (await length()) <= 1);
  });

  it('keeps what a lagging group has not read, and what is still running', async () => {
    await redis.test.client.xgroup('CREATE', redis.test.key('stream'), 'lagging', '0', 'MKSTREAM');
    const backend = redis.test.backend({ trimMinAgeMs: 0, leaseMs: 30_000 });
    const { opened, open } = gate();
    const seen = await redis.test.consume(backend, (event) =>
      event.data === 10 ? opened.then(() => undefined) : undefined,
    );
    for (let i = 0; i < 20; i++) await backend.publish(createEvent('kept', i));
    await waitFor(() => seen.length === 20);
    const read = await redis.test.client.xreadgroup(
      'GROUP',
      'lagging',
      'c',
      'COUNT',
      5,
      'NOACK',
      'STREAMS',
      redis.test.key('stream'),
      '>',
    );
    expect((read as [string, unknown[]][])[0]![1]).toHaveLength(5);
    // The lagging group has read five: the fifth is its last one and may stay.
    await waitFor(async () => (await length()) === 16);
    await redis.test.client.xgroup('DESTROY', redis.test.key('stream'), 'lagging');
    await waitFor(async () => (await length()) === 10);
    const [[, fields]] = (await redis.test.client.xrange(redis.test.key('stream'), '-', '+')) as [
      [string, string[]],
    ];
    expect(JSON.parse(fields[1]!).data).toBe(10);
    open();
    await waitFor(async () => (await length()) <= 1);
  });

  it('keeps young entries', async () => {
    const backend = redis.test.backend({ trimMinAgeMs: 2000 });
    const seen = await redis.test.consume(backend);
    const publishedAt = Date.now();
    await backend.publish(createEvent('young', 1));
    await backend.publish(createEvent('young', 2));
    await waitFor(() => seen.length === 2);
    await waitFor(async () => (await length()) < 2, { timeoutMs: 10_000 });
    expect(Date.now() - publishedAt).toBeGreaterThanOrEqual(2000);
  });

  it('keeps everything while nobody has subscribed', async () => {
    const producer = redis.test.backend({ trimMinAgeMs: 0 });
    await producer.publish(createEvent('early', 1));
    const consuming = redis.test.backend({ namespace: `${redis.test.namespace}-other`, trimMinAgeMs: 0 });
    await redis.test.consume(consuming);
    expect(await length()).toBe(1);
  });
});
