import { describe, expect, it } from '@jest/globals';
import { createEvent } from '../../lib/event.js';
import { RedisStreamsBackend } from '../../lib/redis.js';
import { describeWithOwnRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { useRedis } from './use-redis.js';

const ONCE = { deduplicate: true };
const DUPLICATE = { duplicate: true };

describe('Redis Streams: events with an id of the emitter', () => {
  const redis = useRedis();

  const chosen = (id: string, data: unknown = 1, source = 'shop') =>
    createEvent('chosen', data, { id, source });
  const stored = async (): Promise<unknown[]> => {
    const entries = await redis.test.client.xrange(redis.test.key('stream'), '-', '+');
    return entries.map(([, fields]) => JSON.parse(fields[1]!).data);
  };
  const seenKey = (source: string, id: string) => redis.test.key(`seen:${source}:${id}`);

  it('are stored once, and the receipt tells', async () => {
    const backend = redis.test.backend();
    expect(await backend.publish(chosen('a', 1), ONCE)).toBeUndefined();
    expect(await backend.publish(chosen('a', 2), ONCE)).toEqual(DUPLICATE);
    expect(await redis.test.backend().publish(chosen('a', 3), ONCE)).toEqual(DUPLICATE);
    expect(await stored()).toEqual([1]);
  });

  it('are stored once by many processes at the same moment', async () => {
    const backends = Array.from({ length: 4 }, () => redis.test.backend());
    const ids = Array.from({ length: 50 }, (_, i) => `id-${i}`);
    const results = await Promise.all(
      backends.flatMap((backend) => ids.map((id) => backend.publish(chosen(id, id), ONCE))),
    );
    expect(results.filter((receipt) => !receipt)).toHaveLength(ids.length);
    expect(new Set(await stored())).toEqual(new Set(ids));
    expect(await stored()).toHaveLength(ids.length);
  });

  it('keep their order among the others of one burst', async () => {
    const backend = redis.test.backend();
    const results = await Promise.all([
      backend.publish(createEvent('plain', 0)),
      backend.publish(chosen('a', 1), ONCE),
      backend.publish(createEvent('plain', 2)),
      backend.publish(chosen('a', 3), ONCE),
      backend.publish(createEvent('plain', 4)),
    ]);
    expect(results).toEqual([undefined, undefined, undefined, DUPLICATE, undefined]);
    expect(await stored()).toEqual([0, 1, 2, 4]);
  });

  it('are told apart by publishBatch, entry by entry', async () => {
    const backend = redis.test.backend();
    await backend.publish(chosen('known', 0), ONCE);
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const results = await backend.publishBatch([
      { event: chosen('new', 1), options: ONCE },
      { event: chosen('known', 2), options: ONCE },
      { event: chosen('bad', cyclic), options: ONCE },
      { event: chosen('new', 3), options: ONCE },
      { event: createEvent('plain', 4) },
    ]);
    expect(results.map((result) => (result instanceof Error ? 'error' : result))).toEqual([
      undefined,
      DUPLICATE,
      'error',
      DUPLICATE,
      undefined,
    ]);
    expect(await stored()).toEqual([0, 1, 4]);
  });

  it('belong to their source: others may use the same id, whatever is in it', async () => {
    const backend = redis.test.backend();
    const events: [source: string, id: string][] = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a%3Ab', 'c'],
      ['a', 'b'],
      ['x', 'long '.repeat(2000)],
      ['y', 'long '.repeat(2000)],
      ['{z}', '{ü}\n🦄'],
    ];
    for (const [source, id] of events) {
      expect(await backend.publish(chosen(id, id, source), ONCE)).toBeUndefined();
    }
    for (const [source, id] of events) {
      expect(await backend.publish(chosen(id, id, source), ONCE)).toEqual(DUPLICATE);
    }
    expect(await stored()).toHaveLength(events.length);
  });

  it('are forgotten after deduplicationMs', async () => {
    const backend = redis.test.backend({ deduplicationMs: 150 });
    await backend.publish(chosen('a', 1), ONCE);
    expect(await redis.test.client.pttl(seenKey('shop', 'a'))).toBeLessThanOrEqual(150);
    await waitFor(async () => (await redis.test.client.exists(seenKey('shop', 'a'))) === 0);
    expect(await backend.publish(chosen('a', 2), ONCE)).toBeUndefined();
    expect(await stored()).toEqual([1, 2]);
  });

  it('are stored each time where deduplicationMs is 0', async () => {
    const backend = redis.test.backend({ deduplicationMs: 0 });
    expect(backend.capabilities.dedup).toBe(false);
    expect(await backend.publish(chosen('a', 1), ONCE)).toBeUndefined();
    expect(await backend.publish(chosen('a', 2), ONCE)).toBeUndefined();
    expect(await stored()).toEqual([1, 2]);
    expect(await redis.test.client.keys(redis.test.key('seen:*'))).toEqual([]);
  });

  it('cost those without one nothing: no mark is left behind', async () => {
    const backend = redis.test.backend();
    await backend.publish(createEvent('generated', 1));
    await backend.publish(createEvent('generated', 1, { id: 'same' }));
    await backend.publish(createEvent('generated', 2, { id: 'same' }));
    expect(await stored()).toHaveLength(3);
    expect(await redis.test.client.keys(redis.test.key('seen:*'))).toEqual([]);
  });

  it('are stored once with a delay, too, before and after it is over', async () => {
    const backend = redis.test.backend();
    const delayed = { ...ONCE, delayMs: 200 };
    expect(await backend.publish(chosen('a', 1), delayed)).toBeUndefined();
    expect(await backend.publish(chosen('a', 2), delayed)).toEqual(DUPLICATE);
    expect(await backend.publish(chosen('a', 3), ONCE)).toEqual(DUPLICATE);
    const seen = await redis.test.consume(backend);
    await waitFor(() => seen.length === 1);
    expect(await backend.publish(chosen('a', 4), delayed)).toEqual(DUPLICATE);
    await backend.idle(AbortSignal.timeout(5000));
    expect(seen.map(({ event }) => event.data)).toEqual([1]);
    expect(await backend.stats()).toMatchObject({ delayed: 0 });
  });

  it('wait side by side for two sources that use one id', async () => {
    const backend = redis.test.backend();
    await backend.publish(chosen('a', 'shop', 'shop'), { ...ONCE, delayMs: 100 });
    await backend.publish(chosen('a', 'bank', 'bank'), { ...ONCE, delayMs: 100 });
    const seen = await redis.test.consume(backend);
    await waitFor(() => seen.length === 2);
  });

  it('stay known while they wait, however short deduplicationMs is', async () => {
    for (const deduplicationMs of [50, 0]) {
      const backend = redis.test.backend({
        deduplicationMs,
        namespace: `${redis.test.namespace}-${deduplicationMs}`,
      });
      await backend.publish(chosen('a', 1), { ...ONCE, delayMs: 60_000 });
      const mark = `{${redis.test.namespace}-${deduplicationMs}}:seen:shop:a`;
      await waitFor(async () => (await redis.test.client.exists(mark)) === 0);
      expect(await backend.publish(chosen('a', 2), { ...ONCE, delayMs: 60_000 })).toEqual(DUPLICATE);
    }
  });

  it('are found again under a key prefix of the client', async () => {
    const make = () => redis.test.backend({ connection: { port: redis.server.port, keyPrefix: 'app:' } });
    await make().publish(chosen('a'), ONCE);
    expect(await make().publish(chosen('a'), ONCE)).toEqual(DUPLICATE);
    expect(await redis.test.client.exists(`app:${seenKey('shop', 'a')}`)).toBe(1);
  });
});

describeWithOwnRedis('Redis Streams: events with an id of the emitter, when Redis refuses', () => {
  const redis = useRedis();

  it.each([
    ['at once', ONCE],
    ['with a delay', { ...ONCE, delayMs: 60_000 }],
  ])('may be emitted again when they were to be stored %s', async (_, options) => {
    const backend: RedisStreamsBackend = redis.test.backend();
    const emit = () => backend.publish(createEvent('chosen', 1, { id: 'a' }), options);
    await redis.test.client.config('SET', 'maxmemory', '1mb');
    try {
      await expect(emit()).rejects.toThrow('Redis refused the event: OOM');
      expect(await redis.test.client.keys(redis.test.key('*'))).toEqual([]);
    } finally {
      await redis.test.client.config('SET', 'maxmemory', '0');
    }
    expect(await emit()).toBeUndefined();
    expect(await emit()).toEqual(DUPLICATE);
  });

  it('leave no mark when only the stream refuses them', async () => {
    const backend = redis.test.backend();
    await redis.test.client.set(redis.test.key('stream'), 'not a stream');
    const results = await Promise.allSettled(
      ['a', 'b'].map((id) => backend.publish(createEvent('chosen', 1, { id }), ONCE)),
    );
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await redis.test.client.keys(redis.test.key('seen:*'))).toEqual([]);
    await redis.test.client.del(redis.test.key('stream'));
    expect(await backend.publish(createEvent('chosen', 1, { id: 'a' }), ONCE)).toBeUndefined();
  });
});
