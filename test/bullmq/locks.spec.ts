import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../support/wait-for.js';
import { useBullMQ } from './use-bullmq.js';

describe('BullMQ: locks', () => {
  const bullmq = useBullMQ();

  it('are renewed while a handler runs, so that nobody else gets its event', async () => {
    const { test } = bullmq;
    const leaseMs = 1500;
    let calls = 0;
    const handle = async () => {
      calls++;
      const startedAt = performance.now();
      await waitFor(() => performance.now() - startedAt > 3 * leaseMs, { timeoutMs: 4 * leaseMs });
    };
    const services = await Promise.all(
      [1, 2].map(() => test.start((bus) => bus.on('x', handle, { id: 'a' }), { leaseMs })),
    );
    await services[0]!.bus.emitAsync('x', 1);
    expect(await test.job('completed')).toMatchObject({ attemptsStarted: 1, stalledCounter: 0 });
    expect(calls).toBe(1);
    expect(services.flatMap(({ notices }) => notices)).toEqual([]);
  });

  it('that are lost interrupt the handler, which is reported, and leave the event to others', async () => {
    const { test } = bullmq;
    const leaseMs = 1000;
    const interrupted: boolean[] = [];
    const { bus, backend, notices } = await test.start(
      (bus) =>
        bus.on(
          'x',
          async (_event, { signal, redelivered }) => {
            if (redelivered) return;
            await waitFor(() => signal.aborted, { timeoutMs: 10_000 });
            interrupted.push(signal.aborted);
          },
          { id: 'a' },
        ),
      { leaseMs },
    );
    await bus.emitAsync('x', 1);
    const active = await test.job('active');
    const queue = await backend.queue();
    await test.client.set(`${queue.toKey(active.id!)}:lock`, 'of somebody else', 'PX', 500);
    await test.job('completed');
    await waitFor(() => interrupted.length === 1, { timeoutMs: 10_000 });
    expect(notices.filter(({ error }) => error.message.includes('lost its lock'))).toHaveLength(1);
  });
});
