import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEvent, type Event } from 'nestjs-durable-events';
import { RedisEventStore } from 'nestjs-durable-events/redis';
import { type LoadOptions, MemoryEventStore } from 'nestjs-durable-events/store';
import { seededRandom } from '../faults/random.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';

const START = Date.parse('2026-01-01T00:00:00Z');
/** More than are read side by side. */
const TYPES = 90;
const EVENTS = 1500;

let server: TestServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe('RedisEventStore finds by its indexes what a look at every event finds', () => {
  const seed = Number(process.env['SEED'] ?? 20260101);
  const next = seededRandom(seed);
  const below = (most: number) => Math.floor(next() * most);
  const memory = new MemoryEventStore();
  let redis: RedisEventStore;

  /** Events mostly in the order of their time; some are far behind or far ahead of it. */
  function events(): Event[] {
    const made: Event[] = [];
    for (let i = 0; i < EVENTS; i++) {
      const stray = below(60) === 0 ? (next() - 0.5) * EVENTS * 1000 : 0;
      const cause = below(3) === 0 ? made[below(i)] : undefined;
      const type = below(2) === 0 ? 'common.one' : `rare.${below(TYPES)}.kind`;
      made.push(
        createEvent(
          type,
          { i },
          {
            createdAt: new Date(Math.round(START + i * 1000 + stray)),
            source: `service-${below(4)}`,
            ...(cause && { causationId: cause.id, correlationId: cause.correlationId }),
          },
        ),
      );
    }
    return made;
  }

  beforeAll(async () => {
    redis = new RedisEventStore({ connection: server.url, namespace: randomUUID() });
    await redis.open();
    const all = events();
    for (let at = 0; at < all.length;) {
      const batch = all.slice(at, at + 1 + below(40));
      const options = {
        streamId: below(2) === 0 ? undefined : `stream-${below(5)}`,
        publication: below(4) === 0 ? ('pending' as const) : undefined,
      };
      await memory.appendBatch(batch, options);
      await redis.appendBatch(batch, options);
      at += batch.length;
    }
  }, 200_000);
  afterAll(() => redis.close());

  function criteria(ids: readonly string[]): LoadOptions {
    const maybe = <T>(value: T): T | undefined => (below(4) === 0 ? value : undefined);
    const time = () => new Date(START + below(EVENTS) * 1000);
    return {
      types: maybe(
        [['common.*'], ['rare.*.kind'], [`rare.${below(TYPES)}.*`, 'common.one'], ['absent']][below(4)]!,
      ),
      since: maybe(time()),
      until: maybe(time()),
      source: maybe(`service-${below(5)}`),
      streamId: maybe(`stream-${below(6)}`),
      correlationId: maybe(ids[below(ids.length)]!),
      causationId: maybe(ids[below(ids.length)]!),
      publication: maybe('pending' as const),
      direction: below(2) === 0 ? 'backward' : 'forward',
      limit: maybe(1 + below(600)),
    };
  }

  it(`for 100 random questions (SEED=${seed})`, async () => {
    const stored: string[] = [];
    const places = new Map<string, string>();
    for await (const { id, position } of redis.load()) places.set(position, id);
    for await (const { id } of memory.load()) stored.push(id);
    expect([...places.values()]).toEqual(stored);
    const positionsOf = async (store: MemoryEventStore | RedisEventStore) => {
      const all: string[] = [];
      for await (const { position } of store.load()) all.push(position);
      return all;
    };
    const [inMemory, inRedis] = [await positionsOf(memory), await positionsOf(redis)];
    for (let i = 0; i < 100; i++) {
      const options = criteria(stored);
      const after = below(3) === 0 ? below(EVENTS) : undefined;
      const idsOf = async (store: MemoryEventStore | RedisEventStore, positions: readonly string[]) => {
        const ids: string[] = [];
        const place = after === undefined ? {} : { after: positions[after]! };
        for await (const { id } of store.load({ ...options, ...place })) ids.push(id);
        return ids;
      };
      const [expected, found] = [await idsOf(memory, inMemory), await idsOf(redis, inRedis)];
      const question = JSON.stringify({ ...options, after });
      expect({ question, found }).toEqual({ question, found: expected });
      const { direction: _, limit: __, ...counted } = options;
      expect({ question, count: await redis.count(counted) }).toEqual({
        question,
        count: await memory.count(counted),
      });
    }
  }, 400_000);

  it('also for a type that comes up while somebody reads by a pattern', async () => {
    const store = new RedisEventStore({ connection: server.url, namespace: randomUUID() });
    const other = new RedisEventStore({ connection: server.url, namespace: randomUUID() });
    await store.append(createEvent('order.placed', {}));
    expect(await store.page({ types: 'order.*', limit: 5 })).toHaveLength(1);
    await store.append(createEvent('order.shipped', {}));
    expect((await store.page({ types: 'order.*', limit: 5 })).map(({ type }) => type)).toEqual([
      'order.placed',
      'order.shipped',
    ]);
    expect(await other.page({ types: 'order.*', limit: 5 })).toEqual([]);
    await store.close();
    await other.close();
  });
});
