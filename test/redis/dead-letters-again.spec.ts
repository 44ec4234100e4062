import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  createDeadLetter,
  createEvent,
  createEventBus,
  type Event,
  type HandlerAttempt,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { useRedis } from './use-redis.js';

Logger.overrideLogger(false); // the failures below are meant

const attempt = (at: number, message = `try ${at} ü`): HandlerAttempt => ({
  at,
  durationMs: 1,
  host: 'a',
  error: { name: 'Error', message, stack: 'at "attempts":[', cause: { name: 'Error', message: 'root' } },
});

describe('Redis Streams: a dead letter of an id that is known', () => {
  const redis = useRedis();

  /** Has a consumer settle an event with a dead letter that has these tries. */
  async function settling() {
    const backend = redis.test.backend();
    const tries = new Map<string, HandlerAttempt[]>();
    await redis.test.consume(backend, (event, { raw }) => {
      const attempts = tries.get(event.id)!;
      return { status: 'failed', deadLetters: [createDeadLetter(event, 'mail', attempts, { raw })] };
    });
    const settle = async (event: Event, ...attempts: HandlerAttempt[]) => {
      tries.set(event.id, attempts);
      await backend.publish(event);
      await waitFor(async () => {
        const entry = await backend.deadLetters.get(`${event.id}:mail`);
        return entry?.attempts.at(-1)?.at === attempts.at(-1)?.at;
      });
      await backend.idle(AbortSignal.timeout(5000));
      return (await backend.deadLetters.get(`${event.id}:mail`))!;
    };
    return { backend, settle };
  }

  it('has the tries that only the other had in front, each once', async () => {
    const { backend, settle } = await settling();
    const data = { list: [], object: {}, n: 9007199254740991, x: 1.5e300, text: '"attempts":[ 🦄' };
    const event = createEvent('signup', data, { id: '"attempts":[' });
    await settle(event, attempt(1), attempt(1_700_000_000_123));
    const entry = await settle(event, attempt(1_700_000_000_123), attempt(1_800_000_000_456));
    expect(entry.attempts).toEqual([attempt(1), attempt(1_700_000_000_123), attempt(1_800_000_000_456)]);
    expect(entry.event.data).toEqual(data);
    expect(await backend.deadLetters.size()).toBe(1);
  });

  it('stays discarded with its reason, and comes back from resolved', async () => {
    const { backend, settle } = await settling();
    const [given, done] = [createEvent('signup', 1), createEvent('signup', 2)];
    for (const event of [given, done]) await settle(event, attempt(1));
    await backend.deadLetters.transition(`${given.id}:mail`, 'dead', 'discarded', { reason: 'a test order' });
    await backend.deadLetters.transition(`${done.id}:mail`, 'dead', 'resolved');
    const discarded = await settle(given, attempt(2));
    expect(discarded).toMatchObject({ status: 'discarded', reason: 'a test order', attempts: [{}, {}] });
    expect(await settle(done, attempt(2))).toMatchObject({ status: 'dead', attempts: [{}, {}] });
    expect(await backend.deadLetters.size()).toBe(1);
  });

  it('is written as it comes where Lua cannot read it', async () => {
    const { settle } = await settling();
    let deep: unknown = 1;
    for (let i = 0; i < 1500; i++) deep = [deep];
    const event = createEvent('signup', deep);
    await settle(event, attempt(1));
    const entry = await settle(event, attempt(2));
    expect(entry).toMatchObject({ status: 'dead', attempts: [{ at: 2 }] });
    expect(entry.event.data).toEqual(deep);
  });
});

describe('Redis Streams: an edited dead letter', () => {
  const redis = useRedis();

  async function failing() {
    const told: string[] = [];
    const bus = createEventBus({
      backend: redis.test.backend(),
      retry: false,
      onDeadLetter: ({ id }) => void told.push(id),
      onError: ({ action, handlerId, event }) => told.push(`${action} ${event?.id}:${handlerId}`),
    });
    const seen: unknown[] = [];
    let works: (data: unknown) => boolean = () => false;
    bus.on(
      'signup',
      ({ data }) => {
        seen.push(data);
        if (!works(data)) throw new Error('no');
      },
      { id: 'mail' },
    );
    await bus.start();
    const until = (id: string, status: string, tries: number) =>
      waitFor(async () => {
        const entry = await bus.deadLetters.get(id);
        return entry?.status === status && entry.attempts.length === tries ? entry : undefined;
      });
    return { bus, seen, told, until, work: (when: typeof works) => (works = when) };
  }

  it('is retried as edited, also when it failed again, and keeps its first form', async () => {
    const { bus, seen, until, work } = await failing();
    const { id: eventId } = await bus.emitAsync('signup', 'first');
    const id = `${eventId}:mail`;
    const before = await until(id, 'dead', 1);
    await bus.deadLetters.editAndRetry(id, 'second');
    const after = await until(id, 'dead', 2);
    expect(after).toMatchObject({ event: { id: eventId, data: 'second' }, raw: before.raw! });
    work((data) => data === 'second');
    await bus.deadLetters.retry(id);
    await until(id, 'resolved', 2);
    expect(seen).toEqual(['first', 'second', 'second']);
    await bus.close();
  });

  it('was unreadable, and is the event that was supplied from then on', async () => {
    const { bus, seen, told, until, work } = await failing();
    await redis.test.client.xadd(redis.test.key('stream'), '*', 'event', 'garbage');
    const { id } = await waitFor(async () => (await bus.deadLetters.list()).entries[0]);
    expect(told).toEqual([id, `dead-letter ${id}`]);
    await bus.deadLetters.retry(id);
    await until(id, 'dead', 2);
    work((data) => data === 'mended');
    await bus.deadLetters.editAndRetry(id, { id: 'e', type: 'signup', source: 'shop', data: 'mended' });
    await until(id, 'resolved', 2);
    expect(seen).toEqual(['mended']);
    await bus.close();
  });
});
