import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createEvent } from '../../lib/event.js';
import { READ } from '../../lib/backends/redis-streams/scripts/ordering.js';
import { waitFor } from '../support/wait-for.js';
import { loseTheAnswer } from '../support/lost-answer.js';
import { useRedis } from './use-redis.js';

describe('Redis Streams: events of a shard in an answer that was lost', () => {
  const redis = useRedis();
  let client: Redis;
  beforeEach(() => {
    client = new Redis(redis.server.url);
  });
  afterEach(() => client.disconnect());

  it('are handled, before those that come after them', async () => {
    const backend = redis.test.backend({ connection: client, leaseMs: 60_000 });
    const seen = await redis.test.consume(backend);
    const publish = (n: number) => backend.publish(createEvent('order.placed', n, { key: 'a' }));
    const numbers = () => seen.map(({ event }) => event.data);
    await publish(0);
    await waitFor(() => seen.length === 1);

    const brings = (answer: unknown) =>
      (answer as unknown[]).some((entries) => (entries as unknown[])?.length > 0);
    const lost = loseTheAnswer(client, ([sha], answer) => sha === READ.sha && brings(answer));
    await publish(1);
    await waitFor(lost);
    await publish(2);
    await waitFor(() => numbers().includes(2) && numbers().includes(1), {
      message: () => `all events, and not only ${numbers().join()}`,
    });
    expect(numbers()).toEqual([0, 1, 2]);
    await backend.idle(AbortSignal.timeout(5000));
  });
});
