import { describe, expect, it } from '@jest/globals';
import { EventConfigurationError } from '../../lib/errors.js';
import { createEvent } from '../../lib/event.js';
import { deadLetterOf } from './harness.js';
import { useRedis } from './use-redis.js';

describe('Redis Streams: dead letters', () => {
  const redis = useRedis();

  it('returns an entry as it was stored', async () => {
    const { deadLetters } = redis.test.backend();
    const event = createEvent('order:placed', { text: '🦄', n: 9007199254740991, list: [] }, { key: 'k' });
    const entry = {
      ...deadLetterOf(event, 'mail'),
      raw: { body: 'raw ü', encoding: 'utf8', headers: {} } as const,
    };
    await deadLetters.add([entry]);
    const read = (await deadLetters.get(entry.id))!;
    expect({ ...read, event: read.event.toJSON() }).toEqual({
      ...entry,
      event: event.toJSON(),
      changedAt: read.changedAt,
    });
    expect(await deadLetters.get('unknown')).toBeUndefined();
  });

  it('replaces an entry of the same id', async () => {
    const { deadLetters } = redis.test.backend();
    const entry = deadLetterOf(createEvent('a', {}), 'mail');
    await deadLetters.add([entry]);
    const later = { ...entry, attempts: [...entry.attempts, ...entry.attempts] };
    await deadLetters.add([later]);
    expect(await deadLetters.size()).toBe(1);
    expect((await deadLetters.get(entry.id))!.attempts).toHaveLength(2);
  });

  it('lists oldest first, page by page, also where many failed in one millisecond', async () => {
    const { deadLetters } = redis.test.backend();
    const at = (i: number) => new Date(1_700_000_000_000 + Math.floor(i / 250));
    const entries = Array.from({ length: 700 }, (_, i) =>
      deadLetterOf(createEvent(`event.${i}`, i, { id: `id-${String(i).padStart(4, '0')}` }), 'mail', at(i)),
    );
    await deadLetters.add([...entries].reverse());
    const ids: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await deadLetters.list({ limit: 99, cursor });
      ids.push(...page.entries.map(({ id }) => id));
      cursor = page.cursor;
      pages++;
    } while (cursor !== undefined);
    expect(ids).toEqual(entries.map(({ id }) => id));
    expect(pages).toBe(8);
    expect((await deadLetters.list({ limit: 700 })).cursor).toBeUndefined();
  });

  it('filters by every field', async () => {
    const { deadLetters } = redis.test.backend();
    const first = deadLetterOf(createEvent('order.placed', { name: 'Ada' }), 'mail', new Date(1000));
    const second = deadLetterOf(createEvent('order.placed', { name: 'Bob' }), 'crm', new Date(2000));
    const third = deadLetterOf(createEvent('user.left', { name: 'ada' }), 'crm', new Date(3000));
    await deadLetters.add([first, second, third]);
    await deadLetters.transition(second.id, 'dead', 'discarded', { reason: 'not needed: 1' });
    const ids = async (query: object) => (await deadLetters.list(query)).entries.map(({ id }) => id);
    expect(await ids({})).toEqual([first.id, third.id]);
    expect(await ids({ type: 'order.placed' })).toEqual([first.id]);
    expect(await ids({ handlerId: 'crm' })).toEqual([third.id]);
    expect(await ids({ status: ['discarded'] })).toEqual([second.id]);
    expect(await ids({ status: ['discarded', 'dead'] })).toEqual([first.id, second.id, third.id]);
    expect(await ids({ since: new Date(1001) })).toEqual([third.id]);
    expect(await ids({ until: new Date(3000) })).toEqual([first.id]);
    expect(await ids({ text: 'ADA' })).toEqual([first.id, third.id]);
    expect(await ids({ text: 'no luck with user' })).toEqual([third.id]);
    expect((await deadLetters.get(second.id))!.reason).toBe('not needed: 1');
    await expect(deadLetters.list({ limit: 0 })).rejects.toBeInstanceOf(EventConfigurationError);
    await expect(deadLetters.list({ cursor: 'x' })).rejects.toThrow("cursor = 'x'");
  });

  it('changes a status for one of many callers only', async () => {
    const { deadLetters } = redis.test.backend();
    const entry = deadLetterOf(createEvent('a', {}), 'mail');
    await deadLetters.add([entry]);
    const results = await Promise.all(
      Array.from({ length: 20 }, () =>
        deadLetters.transition(entry.id, 'dead', 'discarded', { reason: 'why' }),
      ),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(results.find(Boolean)).toMatchObject({ status: 'discarded', reason: 'why' });
    expect(await deadLetters.size()).toBe(0);
    expect(await deadLetters.transition(entry.id, 'discarded', 'dead')).toMatchObject({ status: 'dead' });
    expect(await deadLetters.size()).toBe(1);
  });

  it('gives an entry to one taker only', async () => {
    const { deadLetters } = redis.test.backend();
    const entry = deadLetterOf(createEvent('a', {}), 'mail');
    await deadLetters.add([entry]);
    const taken = await Promise.all(Array.from({ length: 20 }, () => deadLetters.take(entry.id)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await deadLetters.get(entry.id)).toBeUndefined();
    expect(await deadLetters.size()).toBe(0);
  });

  it('enqueues one delivery, whoever retries at the same time', async () => {
    const { deadLetters } = redis.test.backend();
    const entry = deadLetterOf(createEvent('a', {}), 'mail');
    await deadLetters.add([entry]);
    const requeued = await Promise.all(Array.from({ length: 20 }, () => deadLetters.requeue(entry.id)));
    expect(requeued.filter(Boolean)).toHaveLength(1);
    expect(await redis.test.client.xlen(redis.test.key('retry:service'))).toBe(1);
    expect(await deadLetters.get(entry.id)).toMatchObject({ status: 'retrying' });
    expect(await deadLetters.requeue('unknown')).toBe(false);
  });

  it('keeps the newest thousand of the closed ones', async () => {
    const { deadLetters } = redis.test.backend();
    const entries = Array.from({ length: 1010 }, (_, i) =>
      deadLetterOf(createEvent(`event.${i}`, i), 'mail', new Date(i)),
    );
    await deadLetters.add(entries);
    for (const { id } of entries) await deadLetters.transition(id, 'dead', 'discarded');
    expect(await redis.test.client.zcard(redis.test.key('dead-closed:service'))).toBe(1000);
    expect(await redis.test.client.hlen(redis.test.key('dead:service'))).toBe(1000);
    expect(await redis.test.client.zcard(redis.test.key('dead-index:service'))).toBe(1000);
    expect(await deadLetters.size()).toBe(0);
  });

  it('belongs to its group', async () => {
    await redis.test.backend().deadLetters.add([deadLetterOf(createEvent('a', {}), 'mail')]);
    expect(await redis.test.backend({ group: 'other' }).deadLetters.size()).toBe(0);
  });
});
