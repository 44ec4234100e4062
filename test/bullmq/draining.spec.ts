import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../support/wait-for.js';
import { gate } from './harness.js';
import { useBullMQ } from './use-bullmq.js';

const patient = { timeoutMs: 10_000 };

describe('BullMQ: draining', () => {
  const bullmq = useBullMQ();

  it('waits for what runs, and takes nothing more', async () => {
    const { test } = bullmq;
    const { opened, open } = gate();
    let calls = 0;
    const { bus, backend } = await test.start((bus) => bus.on('x', () => (calls++, opened), { id: 'a' }), {
      concurrency: 1,
    });
    await bus.emitAsync('x', 1);
    await bus.emitAsync('x', 2);
    await test.job('active');
    const drained = backend.drain({ signal: AbortSignal.timeout(10_000), final: true });
    open();
    expect(await drained).toEqual({ released: 0 });
    expect(calls).toBe(1);
    expect(await test.queue().getJobCounts('completed', 'waiting', 'active')).toEqual({
      completed: 1,
      waiting: 1,
      active: 0,
    });
  });

  it('hands back at its deadline what still runs, for others to take at once', async () => {
    const { test } = bullmq;
    const { opened, open } = gate();
    const leaseMs = 60_000; // far beyond the deadline of the test
    const first = await test.start((bus) => bus.on('x', () => opened, { id: 'a' }), { leaseMs });
    await first.bus.emitAsync('x', 1);
    await test.job('active');
    expect(await first.backend.drain({ signal: AbortSignal.abort(), final: true })).toEqual({ released: 1 });
    const seen: unknown[] = [];
    await test.start((bus) => bus.on('x', ({ data }) => void seen.push(data), { id: 'a' }), { leaseMs });
    await waitFor(() => seen.length === 1, patient);
    const job = await test.job('completed');
    expect(job.stalledCounter).toBe(0);
    open();
  });
});
