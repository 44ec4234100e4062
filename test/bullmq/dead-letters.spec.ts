import { describe, expect, it } from '@jest/globals';
import { UnrecoverableError } from 'nestjs-durable-events';
import { newJob } from '../../lib/backends/bullmq/new-job.js';
import { waitFor } from '../support/wait-for.js';
import { failingOnce } from './harness.js';
import { useBullMQ } from './use-bullmq.js';

const patient = { timeoutMs: 10_000 };

describe('BullMQ: dead letters', () => {
  const bullmq = useBullMQ();

  it('retries a dead letter although its job is gone', async () => {
    const { test } = bullmq;
    const handler = failingOnce(new UnrecoverableError('down'));
    const { bus } = await test.start((bus) => bus.on('x', handler, { id: 'a' }));
    await bus.emitAsync('x', 1);
    await (await test.job('failed')).remove();
    expect((await bus.deadLetters.retry({})).count).toBe(1);
    await waitFor(async () => (await bus.deadLetters.size()) === 0, patient);
    expect(handler.calls).toBe(2);
  });

  it('makes a job of a retry that a process left behind in the stream', async () => {
    const { test } = bullmq;
    const { namespace } = test;
    const seen: unknown[] = [];
    const event = { specversion: '1.0', id: 'left', source: 's', type: 'x', data: 1 };
    const data = JSON.stringify({ event, todo: [{ handlerId: 'a', dueAt: 0 }], lost: [] });
    await test.client.xadd(`{bull:${namespace}}:retries:orders`, '*', 'name', 'x', 'data', data);
    await test.start((bus) => bus.on('x', (event) => void seen.push(event.id), { id: 'a' }));
    await waitFor(() => seen.length === 1, patient);
    expect(await test.client.xlen(`{bull:${namespace}}:retries:orders`)).toBe(0);
  });

  it('keeps data that is no event byte for byte, and under one entry however often it is retried', async () => {
    const { test } = bullmq;
    const { bus } = await test.start(() => undefined);
    await test
      .queue()
      .getBackend()
      .addJob(newJob('bad', 'bad', '{"no":"event"', {}), 'bad');
    const failed = await test.job('failed');
    expect(failed.failedReason).toContain('is not JSON');
    const { entries } = await bus.deadLetters.list();
    expect(entries).toMatchObject([{ handlerId: '*', raw: { body: '{"no":"event"', encoding: 'utf8' } }]);
    await bus.deadLetters.retry(entries[0]!.id);
    await waitFor(async () => (await bus.deadLetters.get(entries[0]!.id))?.attempts.length === 2, patient);
    expect(await bus.deadLetters.get(entries[0]!.id)).toMatchObject({ status: 'dead', raw: entries[0]!.raw });
    expect(await bus.deadLetters.size()).toBe(1);
  });

  it('makes a dead letter of a job that BullMQ itself would only fail', async () => {
    const { test } = bullmq;
    let calls = 0;
    const { bus, backend } = test.make();
    bus.on('x', () => void calls++, { id: 'a' });
    await bus.emitAsync('x', 1);
    const waiting = await test.job('waiting');
    await test.client.hset((await backend.queue()).toKey(waiting.id!), 'defa', 'job stalled too often');
    await bus.start();
    expect((await test.job('failed')).failedReason).toContain('given up by BullMQ: job stalled too often');
    expect(await bus.deadLetters.size()).toBe(1);
    expect(calls).toBe(0);
  });
});
