import { describe, expect, it } from '@jest/globals';
import { newJob } from '../../lib/backends/bullmq/new-job.js';
import type { DeadLetter } from '../../lib/dead-letters/dead-letter.js';
import { MemoryDeadLetterStore } from '../../lib/dead-letters/memory-dead-letter-store.js';
import { waitFor } from '../support/wait-for.js';
import { useBullMQ } from './use-bullmq.js';

const patient = { timeoutMs: 10_000 };

describe('BullMQ: what must not reach a handler', () => {
  const bullmq = useBullMQ();
  const addGarbage = () =>
    bullmq.test
      .queue()
      .getBackend()
      .addJob(newJob('bad', 'bad', 'not json', {}), 'bad');

  it('is told to onDeadLetter, and to errors as a dead letter', async () => {
    const { test } = bullmq;
    const told: DeadLetter[] = [];
    const onDeadLetter = (entry: DeadLetter) => void told.push(entry);
    const { bus, backend, notices } = test.make({ maxDeliveries: 1 }, { onDeadLetter });
    bus.on('x', () => undefined, { id: 'a' });
    await bus.emitAsync('x', 1);
    // A process had it, and ended.
    await test.client.hset((await backend.queue()).toKey((await test.job('waiting')).id!), 'stc', 1);
    await addGarbage();
    await bus.start();
    await waitFor(async () => (await bus.deadLetters.size()) === 2, patient);
    expect(told.map(({ event }) => event.type).toSorted()).toEqual(['unreadable', 'x']);
    expect(notices.map(({ action }) => action)).toEqual(['dead-letter', 'dead-letter']);
  });

  it('is kept in the store of the module where there is one, and its job fails when it is written', async () => {
    const { test } = bullmq;
    const store = new MemoryDeadLetterStore();
    const add = store.add.bind(store);
    let failures = 3;
    store.add = async (entries) => {
      expect(await test.queue().getFailedCount()).toBe(0);
      if (failures-- > 0) throw new Error('the disk is full');
      await add(entries);
    };
    const { backend, notices } = await test.start(() => undefined, {}, { deadLetters: store });
    await addGarbage();
    expect((await test.job('failed')).failedReason).toContain('is not JSON');
    expect(await store.size()).toBe(1);
    expect(await backend.deadLetters.size()).toBe(0);
    // Once, however often it was tried.
    expect(notices.filter(({ error }) => error.message === 'the disk is full')).toHaveLength(1);
  });
});
