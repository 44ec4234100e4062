import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createEvent } from 'nestjs-durable-events';
import { deadLetterOf } from './harness.js';
import { loseTheAnswer } from '../support/lost-answer.js';
import { useRedis } from './use-redis.js';

describe('Redis: a call about a dead letter whose answer was lost, so that it is sent again', () => {
  const redis = useRedis();
  let client: Redis;
  beforeEach(() => {
    client = new Redis(redis.server.url);
  });
  afterEach(() => client.disconnect());

  /** A store with one entry, whose id comes with it. */
  async function withEntry() {
    const { deadLetters } = redis.test.backend({ connection: client });
    const entry = deadLetterOf(createEvent('order.placed', 1), 'mail');
    await deadLetters.add([entry]);
    return { deadLetters, id: entry.id };
  }

  it('hands an entry over that was taken out, and to nobody else', async () => {
    const { deadLetters, id } = await withEntry();
    loseTheAnswer(client);
    expect(await deadLetters.take(id)).toMatchObject({ id, status: 'dead' });
    expect(await deadLetters.take(id)).toBeUndefined();
    expect(await deadLetters.get(id)).toBeUndefined();
    expect(await deadLetters.size()).toBe(0);
  });

  it('changes an entry once, and says so', async () => {
    const { deadLetters, id } = await withEntry();
    loseTheAnswer(client);
    expect(await deadLetters.transition(id, 'dead', 'retrying')).toMatchObject({ id, status: 'retrying' });
    expect(await deadLetters.transition(id, 'dead', 'retrying')).toBeUndefined();
  });

  it('refuses twice what it refuses', async () => {
    const { deadLetters, id } = await withEntry();
    expect(await deadLetters.transition(id, 'dead', 'retrying')).toBeDefined();
    loseTheAnswer(client);
    expect(await deadLetters.transition(id, 'dead', 'discarded')).toBeUndefined();
    expect(await deadLetters.get(id)).toMatchObject({ status: 'retrying' });
  });

  it('hands an entry back to its handler once', async () => {
    const { deadLetters, id } = await withEntry();
    loseTheAnswer(client, (args) => args.includes('retrying')); // it is read before
    expect(await deadLetters.requeue(id)).toBe(true);
    expect(await redis.test.client.xlen(redis.test.key('retry:service'))).toBe(1);
  });
});
