import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { CANCEL } from '../../lib/backends/bullmq/scripts.js';
import { loseTheAnswer } from '../support/lost-answer.js';
import { waitFor } from '../support/wait-for.js';
import { gate } from './harness.js';
import { useBullMQ } from './use-bullmq.js';

const patient = { timeoutMs: 10_000 };

describe('BullMQ: taking back a delayed event', () => {
  const bullmq = useBullMQ();

  it('takes it out of the queue of every group, and says so once', async () => {
    const { test } = bullmq;
    const { bus } = await test.start((bus) => bus.on('x', () => undefined, { id: 'a' }));
    await test.start((bus) => bus.on('x', () => undefined, { id: 'b' }), { group: 'mails' });
    const { id } = await bus.emitAsync('x', 1, { delayMs: 600_000 });
    await test.job('delayed', 'mails');
    expect(await bus.cancel(id)).toBe(true);
    expect(await bus.cancel(id)).toBe(false);
    for (const group of ['orders', 'mails']) expect(await test.queue(group).getDelayedCount()).toBe(0);
  });

  it('says so when the answer that did is lost, and asked for again', async () => {
    const { test, server } = bullmq;
    const client = new Redis(server.url, { maxRetriesPerRequest: null });
    test.onClose(() => client.disconnect());
    const { bus } = await test.start((bus) => bus.on('x', () => undefined, { id: 'a' }), {
      connection: client,
    });
    const { id } = await bus.emitAsync('x', 1, { delayMs: 600_000 });
    const lost = loseTheAnswer(client, ([sha]) => sha === CANCEL.sha);
    expect(await bus.cancel(id)).toBe(true);
    expect(lost()).toBe(true);
    expect(await bus.cancel(id)).toBe(false);
  });

  it('leaves it to all groups when one has begun with it', async () => {
    const { test } = bullmq;
    const { opened, open } = gate();
    const { bus } = await test.start((bus) => bus.on('x', () => opened, { id: 'a' }));
    await test.start((bus) => bus.on('x', () => undefined, { id: 'b' }), { group: 'mails' });
    const { id } = await bus.emitAsync('x', 1, { delayMs: 600_000 });
    await (await test.job('delayed')).promote();
    await test.job('active');
    expect(await bus.cancel(id)).toBe(false);
    expect(await test.queue('mails').getDelayedCount()).toBe(1);
    open();
    await test.job('completed');
  });

  it('never says of an event that it was taken back when it is handled, however close the two are', async () => {
    const { test } = bullmq;
    const handled = new Set<string>();
    const { bus } = await test.start((bus) => bus.on('x', ({ id }) => void handled.add(id), { id: 'a' }));
    const delayMs = 100;
    const emitted = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const { id } = await bus.emitAsync('x', i, { delayMs });
        return { id, at: performance.now() };
      }),
    );
    // Just before, and just after, each is due.
    const cancelled = await Promise.all(
      emitted.map(async ({ id, at }, i) => {
        await waitFor(() => performance.now() >= at + delayMs - 15 + (i % 30), { intervalMs: 1 });
        return bus.cancel(id);
      }),
    );
    const rest = emitted.filter((_, i) => !cancelled[i]);
    await waitFor(() => rest.every(({ id }) => handled.has(id)), patient);
    await bus.idle({ timeoutMs: 10_000 });
    expect(handled.size).toBe(rest.length);
  });
});
