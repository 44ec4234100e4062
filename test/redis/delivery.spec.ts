import { describe, expect, it } from '@jest/globals';
import { HANDLED_NOW } from '../../lib/backends/backend.js';
import { createEvent } from '../../lib/event.js';
import { waitFor } from '../support/wait-for.js';
import { gate, typesOf } from './harness.js';
import { useRedis } from './use-redis.js';

describe('Redis Streams: delivery', () => {
  const redis = useRedis();

  it('brings every part of an event through, whatever the letters', async () => {
    const backend = redis.test.backend();
    const event = createEvent(
      'after:signup',
      { text: '🦄 ü \u0000 "\n\\', nested: { list: [1, 2.5, null, true] }, empty: {} },
      {
        source: 'web',
        version: 3,
        key: 'user-1',
        correlationId: 'flow',
        causationId: 'cause',
        metadata: { userId: 'ada', custom: { ключ: ['значение'] } },
      },
    );
    await backend.publish(event);
    const seen = await redis.test.consume(backend);
    await waitFor(() => seen.length === 1);
    expect(JSON.parse(JSON.stringify(seen[0]!.event))).toEqual(JSON.parse(JSON.stringify(event)));
    expect(seen[0]!.delivery).toMatchObject({ audience: 'group', redelivered: false });
  });

  it('delivers what was published before anybody subscribed', async () => {
    const producer = redis.test.backend();
    for (let i = 0; i < 20; i++) await producer.publish(createEvent(`early.${i}`, i));
    const seen = await redis.test.consume(redis.test.backend());
    await waitFor(() => seen.length === 20);
  });

  it('gives every group every event, and each event to one process of a group', async () => {
    const [first, second, other] = [
      redis.test.backend(),
      redis.test.backend(),
      redis.test.backend({ group: 'other' }),
    ];
    const seen = await Promise.all([first, second, other].map((backend) => redis.test.consume(backend)));
    const types = Array.from({ length: 500 }, (_, i) => `event.${i}`).sort();
    await Promise.all(types.map((type) => first.publish(createEvent(type, {}))));
    await waitFor(() => seen[0]!.length + seen[1]!.length >= 500 && seen[2]!.length >= 500);
    await Promise.all([first, other].map((backend) => backend.idle(AbortSignal.timeout(5000))));
    expect(typesOf([...seen[0]!, ...seen[1]!])).toEqual(types);
    expect(typesOf(seen[2]!)).toEqual(types);
  });

  it('acknowledges what was handled, and is idle then', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    await Promise.all(Array.from({ length: 250 }, (_, i) => backend.publish(createEvent('counted', i))));
    await backend.idle(AbortSignal.timeout(5000));
    expect(seen).toHaveLength(250);
    expect(await backend.stats()).toMatchObject({
      queued: 0,
      pending: 0,
      inFlight: 0,
      buffered: 0,
      stale: 0,
    });
  });

  it('goes on at once with dispatchers that finish synchronously', async () => {
    const backend = redis.test.backend({ concurrency: 100 });
    let handled = 0;
    await backend.subscribe(() => {
      handled++;
      return HANDLED_NOW;
    });
    await Promise.all(Array.from({ length: 2000 }, (_, i) => backend.publish(createEvent('counted', i))));
    await backend.idle(AbortSignal.timeout(5000));
    expect(handled).toBe(2000);
  });

  it('runs as many deliveries at once as it may, and no more', async () => {
    const backend = redis.test.backend({ concurrency: 4 });
    const { opened, open } = gate();
    let running = 0;
    let most = 0;
    const seen = await redis.test.consume(backend, async () => {
      most = Math.max(most, ++running);
      await opened;
      running--;
    });
    for (let i = 0; i < 20; i++) await backend.publish(createEvent('slow', i));
    await waitFor(() => running === 4);
    expect((await backend.stats())['buffered']).toBeLessThanOrEqual(4);
    open();
    await waitFor(() => seen.length === 20);
    expect(most).toBe(4);
  });

  it('is not held up by one slow event of a batch', async () => {
    const backend = redis.test.backend();
    const { opened, open } = gate();
    for (let i = 0; i < 10; i++) await backend.publish(createEvent(i === 0 ? 'slow' : 'fast', i));
    await redis.test.consume(backend, (event) =>
      event.type === 'slow' ? opened.then(() => undefined) : undefined,
    );
    await waitFor(async () => (await backend.stats())['pending'] === 1);
    open();
    await backend.idle(AbortSignal.timeout(5000));
  });

  it('reads what other languages write, in binary form too', async () => {
    const seen = await redis.test.consume(redis.test.backend());
    const wire = { specversion: '1.0', id: 'a', source: 'go', type: 'structured', data: { n: 1 } };
    await redis.test.client.xadd(redis.test.key('stream'), '*', 'event', JSON.stringify(wire));
    const attributes = ['ce-specversion', '1.0', 'ce-id', 'b', 'ce-source', 'go', 'ce-type', 'binary'];
    await redis.test.client.xadd(redis.test.key('stream'), '*', ...attributes, 'data', '{"n":2}');
    await waitFor(() => seen.length === 2);
    expect(seen.map(({ event }) => [event.id, event.type, event.source, event.data])).toEqual([
      ['a', 'structured', 'go', { n: 1 }],
      ['b', 'binary', 'go', { n: 2 }],
    ]);
  });
});
