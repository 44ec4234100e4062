import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CircuitBreakerError,
  createEventBus,
  type EventBus,
  type EventErrorNotice,
  type EventHandler,
  MemoryInbox,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { useRedis } from './use-redis.js';

Logger.overrideLogger(false); // the failures below are meant

describe('Redis Streams: handlers that are left in peace', () => {
  const redis = useRedis();
  const open: EventBus[] = [];
  afterEach(() => Promise.all(open.splice(0).map((bus) => bus.close())));

  /** Processes of a service start with all their handlers, or they hand events over to each other. */
  async function startBus(options: object, handler: EventHandler) {
    const bus = createEventBus({
      backend: redis.test.backend(),
      source: 'service',
      drainTimeoutMs: 500,
      ...options,
    });
    const notices: EventErrorNotice[] = [];
    bus.errors.subscribe((notice) => void notices.push(notice));
    bus.on('x', handler, { id: 'h' });
    open.push(bus);
    await bus.start();
    return { bus, notices };
  }

  it('with an open circuit have their events wait in Redis, without a try, also across a restart', async () => {
    let ill = true;
    const calls: string[] = [];
    const handler: EventHandler = async ({ data }, { attempt }) => {
      calls.push(`${String(data)} ${attempt}`);
      if (ill) throw new Error('ill');
    };
    const breaker = { minimumCalls: 2, openMs: 1000 };
    const options = { circuitBreaker: breaker, retry: { maxRetries: 3, initialBackoffMs: 1 } };
    const first = await startBus(options, handler);
    for (const data of ['a', 'b']) await first.bus.emitAsync('x', data);
    await waitFor(async () => (await first.bus.stats()).circuitsOpen === 1);
    for (const data of ['c', 'd', 'e']) await first.bus.emitAsync('x', data);
    const deferred = () => first.notices.filter(({ action }) => action === 'deferred');
    await waitFor(() => new Set(deferred().map(({ event }) => event!.data)).size >= 3);
    expect(deferred().every(({ delayMs }) => delayMs! > 0 && delayMs! <= 1100)).toBe(true);
    expect((await first.bus.stats()).running).toBe(0); // nothing waits in the process
    await first.bus.close();
    ill = false;

    const second = await startBus(options, handler);
    await second.bus.idle({ timeoutMs: 15_000 });
    expect(calls.filter((call) => /^[cde]/.test(call)).sort()).toEqual(['c 1', 'd 1', 'e 1']);
    expect(await second.bus.stats()).toMatchObject({ handled: 5, circuitsOpen: 0 });
    expect(await second.bus.deadLetters.size()).toBe(0);
  });

  it('are tried again in time by the process whose circuit opened', async () => {
    let ill = true;
    const attempts: number[] = [];
    const handler: EventHandler = async (_, { attempt }) => {
      attempts.push(attempt);
      if (ill) throw new Error('ill');
    };
    const circuitBreaker = { minimumCalls: 1, openMs: 200 };
    const retry = { maxRetries: 2, initialBackoffMs: 1 };
    const { bus, notices } = await startBus({ circuitBreaker, retry }, handler);
    await bus.emitAsync('x', 1);
    await waitFor(() => notices.some(({ action }) => action === 'deferred'));
    ill = false;
    await bus.idle({ timeoutMs: 15_000 });
    expect(attempts).toEqual([1, 2]);
    const states = notices.flatMap(({ error }) =>
      error instanceof CircuitBreakerError ? [error.state] : [],
    );
    expect(states).toEqual(['open', 'closed']);
  });

  it('or are at an event in another process are not given its copy', async () => {
    const inbox = new MemoryInbox();
    const calls: string[] = [];
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const handler: EventHandler = async ({ data }) => {
      calls.push(String(data));
      await gate;
    };
    const buses = [await startBus({ inbox }, handler), await startBus({ inbox }, handler)];
    await buses[0]!.bus.emitAsync('x', 'once');
    await waitFor(() => calls.length === 1);
    // What a producer does that was not told of its success and writes again.
    const stream = redis.test.key('stream');
    const [, fields] = (await redis.test.client.xrange(stream, '-', '+'))[0]!;
    for (let i = 0; i < 5; i++) await redis.test.client.xadd(stream, '*', ...fields);
    const deferred = () =>
      buses.flatMap(({ notices }) => notices.filter(({ action }) => action === 'deferred'));
    await waitFor(() => deferred().length >= 5);
    letGo();
    await buses[0]!.bus.idle({ timeoutMs: 15_000 });
    expect(calls).toHaveLength(1);
    const stats = await Promise.all(buses.map(({ bus }) => bus.stats()));
    expect(stats.reduce((sum, { handled }) => sum + handled, 0)).toBe(1);
    // Redis schedules one delivery per event and handler, so the copies that wait become one.
    expect(stats.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBeGreaterThanOrEqual(1);
  });
});
