import { afterEach, describe, expect, it } from '@jest/globals';
import { createEventBus } from '../../lib/create-event-bus.js';
import { createEvent } from '../../lib/event.js';
import type { EventBus } from '../../lib/event-bus.js';
import { defineEvent, type EventDefinition } from '../../lib/schema/define-event.js';
import { PatternSet } from '../../lib/handlers/pattern-set.js';
import { describeWithOwnRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { typesOf } from './harness.js';
import { useRedis } from './use-redis.js';

/** Which process gets an event is left to chance, again and again until it is the right one. */
const PATIENCE = { timeoutMs: 30_000 };

/** The parts of a process that listens to what is named. */
function listensTo(...patterns: string[]) {
  const set = new PatternSet(patterns);
  return { patterns: () => patterns, handles: (type: string) => set.covers(type) };
}

describe('Redis Streams: processes of a service with different handlers, as in a rolling deployment', () => {
  const redis = useRedis();
  const rosterLeases = () => redis.test.client.zcard(redis.test.key('roster-leases:service'));

  it('leave every event to a process that has a handler for it', async () => {
    const [before, after] = [
      redis.test.backend({}, listensTo('order.placed')),
      redis.test.backend({}, listensTo('order.placed', 'order.cancelled', 'invoice.**')),
    ];
    const seenBefore = await redis.test.consume(before);
    const seenAfter = await redis.test.consume(after);
    const types = Array.from({ length: 60 }, (_, i) => (i % 2 ? 'order.cancelled' : 'invoice.sent.late'));
    await Promise.all(types.map((type) => before.publish(createEvent(type, {}))));
    await waitFor(() => seenAfter.length >= types.length, PATIENCE);
    await after.idle(AbortSignal.timeout(5000));
    expect(typesOf(seenAfter)).toEqual([...types].sort());
    expect(seenBefore).toEqual([]);
    // Handing over is no try, and the handler is the first to see the event.
    for (const { delivery } of seenAfter) {
      expect(delivery.attempt ?? 1).toBe(1);
      expect(delivery.redelivered).toBe(false);
    }
  });

  it('still share what all of them handle', async () => {
    const backends = [1, 2].map(() => redis.test.backend({ concurrency: 2 }, listensTo('order.*')));
    const seen = await Promise.all(backends.map((backend) => redis.test.consume(backend)));
    const types = Array.from({ length: 500 }, (_, i) => `order.${i}`).sort();
    await Promise.all(types.map((type) => backends[0]!.publish(createEvent(type, {}))));
    await backends[0]!.idle(AbortSignal.timeout(5000));
    expect(typesOf(seen.flat())).toEqual(types);
  });

  it('know of a new process with the first event that it could have published', async () => {
    const before = redis.test.backend({}, listensTo('order.placed'));
    const seenBefore = await redis.test.consume(before);
    // What the others of the group listen to has just been looked up.
    await before.publish(createEvent('unknown', {}));
    await waitFor(() => seenBefore.length === 1);
    for (let round = 0; round < 5; round++) {
      const type = `new.${round}`;
      const after = redis.test.backend({}, listensTo(type));
      const seenAfter = await redis.test.consume(after);
      await Promise.all(Array.from({ length: 10 }, () => after.publish(createEvent(type, {}))));
      await waitFor(() => seenAfter.length === 10, PATIENCE);
      await after.close();
    }
    expect(typesOf(seenBefore)).toEqual(['unknown']);
  });

  it('acknowledge what nobody of them handles, and what only other services do', async () => {
    const backends = [1, 2].map(() => redis.test.backend({}, listensTo('order.placed')));
    await Promise.all(backends.map((backend) => redis.test.consume(backend)));
    const other = redis.test.backend({ group: 'other' }, listensTo('invoice.sent'));
    const seenByOther = await redis.test.consume(other);
    await Promise.all(Array.from({ length: 50 }, () => other.publish(createEvent('invoice.sent', {}))));
    await waitFor(() => seenByOther.length === 50);
    await backends[0]!.idle(AbortSignal.timeout(5000));
    expect(await backends[0]!.stats()).toMatchObject({ queued: 0, pending: 0, scheduled: 0 });
  });

  it('keep an event for a process that has left, and let it go when a lease has passed', async () => {
    const leaseMs = 1500;
    const before = redis.test.backend({ leaseMs }, listensTo('order.placed'));
    const after = redis.test.backend({ leaseMs, concurrency: 1 }, listensTo('order.cancelled'));
    const seenBefore = await redis.test.consume(before);
    await redis.test.consume(after);
    await after.close();
    const leftAt = Date.now();
    expect(await rosterLeases()).toBe(2);
    await before.publish(createEvent('order.cancelled', { n: 1 }));
    // Back again, as in a deployment: nothing was acknowledged in the meantime.
    const back = redis.test.backend({ leaseMs, concurrency: 1 }, listensTo('order.cancelled'));
    const seenAgain = await redis.test.consume(back);
    await waitFor(() => seenAgain.length === 1, PATIENCE);
    await back.close();
    expect(seenBefore).toHaveLength(0);
    // Gone for good.
    await before.publish(createEvent('order.cancelled', { n: 2 }));
    await waitFor(() => seenBefore.length === 1, PATIENCE);
    expect(Date.now() - leftAt).toBeGreaterThanOrEqual(leaseMs);
  });

  it('wait for one that fell silent until its lease is over', async () => {
    const leaseMs = 600;
    const before = redis.test.backend({ leaseMs }, listensTo('order.placed'));
    const seenBefore = await redis.test.consume(before);
    // As a process leaves it that was killed.
    await redis.test.client.hset(redis.test.key('roster:service'), {
      dead: '["order.cancelled"]',
      version: 'x',
    });
    const { client } = redis.test;
    const [seconds, micros] = await client.time();
    const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    await client.zadd(redis.test.key('roster-leases:service'), now + leaseMs, 'dead');
    await before.publish(createEvent('order.cancelled', {}));
    await waitFor(() => seenBefore.length === 1, PATIENCE);
    expect(Date.now() - now).toBeGreaterThanOrEqual(leaseMs - 50);
  });

  it('say so when one that has a handler never takes the event, and keep it', async () => {
    const leaseMs = 60_000;
    const before = redis.test.backend({ leaseMs }, listensTo('order.placed'));
    const seenBefore = await redis.test.consume(before);
    await redis.test.client.hset(redis.test.key('roster:service'), { idle: '["order.*"]', version: 'x' });
    await redis.test.client.zadd(redis.test.key('roster-leases:service'), Date.now() + leaseMs, 'idle');
    const delivery = { deferrals: 11, attempt: 1 };
    await before.redeliver(createEvent('order.cancelled', {}), delivery);
    await waitFor(() => redis.test.reports.length > 0);
    expect(redis.test.reports[0]!.message).toContain(
      "was handed over 12 times: processes of group 'service'",
    );
    await waitFor(async () => (await before.stats())['scheduled'] === 1);
    expect(seenBefore).toEqual([]);
  });

  describe('of a bus', () => {
    const buses: EventBus[] = [];
    afterEach(() => Promise.all(buses.splice(0).map((bus) => bus.close())));
    async function startBus(schemas: EventDefinition[] = []): Promise<EventBus> {
      const bus = createEventBus({
        backend: redis.test.backend({ leaseMs: 30_000 }),
        source: 'service',
        schemas,
      });
      buses.push(bus);
      await bus.start();
      return bus;
    }
    /** Until the others can know what a bus listens to. */
    const announced = (pattern: string) =>
      waitFor(async () => {
        const roster = await redis.test.client.hgetall(redis.test.key('roster:service'));
        return Object.values(roster).some((json) => json.includes(`"${pattern}"`));
      });

    it('find handlers that were added after the start, by patterns and by former names', async () => {
      const before = await startBus();
      const placed = defineEvent('order.placed', { version: 1, aliases: ['order-created'] });
      const after = await startBus([placed]);
      const handled: unknown[] = [];
      after.on('late.*', ({ data }) => void handled.push(data));
      after.on('order.placed', ({ data }) => void handled.push(data));
      await announced('late.*');
      await announced('order-created');
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => before.emitAsync(i % 2 ? 'late.event' : 'order-created', i)),
      );
      await waitFor(() => handled.length === 40, PATIENCE);
      expect(new Set(handled).size).toBe(40);
    });
  });
});

describeWithOwnRedis('Redis Streams: processes with different handlers, when Redis fails', () => {
  const redis = useRedis();

  it('drop nothing while they cannot ask each other', async () => {
    const before = redis.test.backend({ leaseMs: 2000 }, listensTo('order.placed'));
    const after = redis.test.backend({ leaseMs: 2000 }, listensTo('order.cancelled'));
    const seenBefore = await redis.test.consume(before);
    const seenAfter = await redis.test.consume(after);
    const publishMany = () =>
      Promise.allSettled(
        Array.from({ length: 100 }, () => before.publish(createEvent('order.cancelled', {}))),
      );
    const publishing = publishMany();
    await redis.server.kill9();
    await redis.server.restart();
    const confirmed = (await publishing).filter(({ status }) => status === 'fulfilled').length;
    const late = (await publishMany()).filter(({ status }) => status === 'fulfilled').length;
    const handled = () => new Set(seenAfter.map(({ event }) => event.id)).size;
    await waitFor(() => handled() >= confirmed + late, PATIENCE);
    expect(seenBefore).toEqual([]);
  }, 40_000);

  it('enter themselves again after the database was flushed', async () => {
    const backend = redis.test.backend({ leaseMs: 300 }, listensTo('order.placed'));
    await redis.test.consume(backend);
    await redis.test.client.flushall();
    await waitFor(async () => (await redis.test.client.hlen(redis.test.key('roster:service'))) === 2);
  });
});
