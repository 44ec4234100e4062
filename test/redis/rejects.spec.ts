import { describe, expect, it } from '@jest/globals';
import { createEventBus } from '../../lib/create-event-bus.js';
import { MemoryDeadLetterStore } from '../../lib/dead-letters/memory-dead-letter-store.js';
import { createEvent } from '../../lib/event.js';
import { waitFor } from '../support/wait-for.js';
import { useRedis } from './use-redis.js';

describe('Redis Streams: what must not reach a handler, where the module has a store of dead letters', () => {
  const redis = useRedis();
  const write = (text: string | Buffer) =>
    redis.test.client.xadd(redis.test.key('stream'), '*', 'event', text);

  it('is kept there and not in the store of the backend', async () => {
    const store = new MemoryDeadLetterStore();
    const backend = redis.test.backend({ maxDeliveries: 1 }, { deadLetters: store });
    await redis.test.client.xgroup('CREATE', redis.test.key('stream'), 'service', '0', 'MKSTREAM');
    const crashes = createEvent('crashes', {});
    await backend.publish(crashes);
    await redis.test.client.xreadgroup('GROUP', 'service', 'dead', 'STREAMS', redis.test.key('stream'), '>');
    await write('not json');
    const seen = await redis.test.consume(backend);
    await waitFor(async () => (await store.size()) === 2);
    await backend.idle(AbortSignal.timeout(5000));
    const { entries } = await store.list();
    expect(entries.map(({ event }) => event.type).sort()).toEqual(['crashes', 'unreadable']);
    expect(entries.every(({ handlerId }) => handlerId === '*')).toBe(true);
    expect(await backend.deadLetters.size()).toBe(0);
    expect(seen).toEqual([]);
  });

  it('is acknowledged only when it is written', async () => {
    const store = new MemoryDeadLetterStore();
    const add = store.add.bind(store);
    let failures = 3;
    store.add = async (entries) => {
      expect(await backend.stats()).toMatchObject({ pending: 1 });
      if (failures-- > 0) throw new Error('the disk is full');
      await add(entries);
    };
    const backend = redis.test.backend({}, { deadLetters: store });
    await write('not json');
    await redis.test.consume(backend);
    await waitFor(async () => (await store.size()) === 1);
    await backend.idle(AbortSignal.timeout(5000));
    const reports = redis.test.reports.filter(({ message }) => message === 'the disk is full');
    expect(reports).toHaveLength(3);
  });

  it('comes again when the process ends before it is written', async () => {
    const store = new MemoryDeadLetterStore();
    const failing = new MemoryDeadLetterStore();
    failing.add = async () => Promise.reject(new Error('the disk is full'));
    const first = redis.test.backend({}, { deadLetters: failing });
    await write('not json');
    await redis.test.consume(first);
    await waitFor(() => redis.test.reports.some(({ message }) => message === 'the disk is full'));
    await first.close();
    await redis.test.consume(redis.test.backend({}, { deadLetters: store }));
    await waitFor(async () => (await store.size()) === 1);
  });

  it('is read again as it was when it is retried', async () => {
    const store = new MemoryDeadLetterStore();
    const backend = redis.test.backend();
    const bus = createEventBus({ backend, deadLetters: store, source: 'service' });
    try {
      await bus.start();
      const bytes = Buffer.from([0, 255, 254, 128]);
      await write(bytes);
      await waitFor(async () => (await bus.deadLetters.size()) === 1);
      const [entry] = (await bus.deadLetters.list()).entries;
      await bus.deadLetters.retry(entry!.id);
      await waitFor(async () => (await bus.deadLetters.get(entry!.id))!.attempts.length === 2);
      const again = (await bus.deadLetters.get(entry!.id))!;
      expect(again.status).toBe('dead');
      expect(again.raw).toEqual(entry!.raw);
      expect(await bus.deadLetters.size()).toBe(1);
    } finally {
      await bus.close();
    }
  });
});
