import { describe, expect, it } from '@jest/globals';
import { createEvent } from '../../lib/event.js';
import { waitFor } from '../support/wait-for.js';
import { deadLetterOf, type Seen } from './harness.js';
import { useRedis } from './use-redis.js';

const WITH_BROADCAST = { hasBroadcastHandlers: () => true };

function broadcasts(seen: readonly Seen[]): Seen[] {
  return seen.filter(({ delivery }) => delivery.audience === 'broadcast');
}

describe('Redis Streams: broadcast', () => {
  const redis = useRedis();

  it('reaches every process once, beside the one that handles the event for its group', async () => {
    const backends = [1, 2, 3].map(() => redis.test.backend({}, WITH_BROADCAST));
    const seen = await Promise.all(backends.map((backend) => redis.test.consume(backend)));
    const types = Array.from({ length: 300 }, (_, i) => `event.${i}`);
    await Promise.all(types.map((type) => backends[0]!.publish(createEvent(type, {}))));
    await waitFor(() => seen.every((each) => broadcasts(each).length === 300));
    await backends[0]!.idle(AbortSignal.timeout(5000));
    for (const each of seen) expect(broadcasts(each).map(({ event }) => event.type)).toEqual(types);
    expect(seen.flat().filter(({ delivery }) => delivery.audience === 'group')).toHaveLength(300);
  });

  it('starts with what is published after subscribing', async () => {
    const backend = redis.test.backend({}, WITH_BROADCAST);
    await backend.publish(createEvent('before', {}));
    const seen = await redis.test.consume(backend);
    await backend.publish(createEvent('after', {}));
    await waitFor(() => seen.length === 3);
    expect(broadcasts(seen).map(({ event }) => event.type)).toEqual(['after']);
  });

  it('retries in this process, and keeps dead letters', async () => {
    const backends = [redis.test.backend({}, WITH_BROADCAST), redis.test.backend({}, WITH_BROADCAST)];
    const seen = await Promise.all(
      backends.map((backend, index) =>
        redis.test.consume(backend, (event, { audience, attempt = 1 }) => {
          if (index === 1 || audience === 'group') return undefined;
          if (attempt === 3) return { status: 'failed', deadLetters: [deadLetterOf(event, 'cache')] };
          return {
            status: 'failed',
            retries: [{ handlerId: 'cache', attempt: attempt + 1, delayMs: 50, attempts: [] }],
          };
        }),
      ),
    );
    await backends[0]!.publish(createEvent('changed', {}));
    await waitFor(async () => (await backends[0]!.deadLetters.size()) === 1);
    expect(broadcasts(seen[0]!).map(({ delivery }) => delivery.attempt)).toEqual([undefined, 2, 3]);
    expect(broadcasts(seen[1]!)).toHaveLength(1);
  });
});
