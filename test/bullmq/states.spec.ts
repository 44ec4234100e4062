import { describe, expect, it } from '@jest/globals';
import { RetryAfterError, UnrecoverableError } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { failingOnce, gate } from './harness.js';
import { useBullMQ } from './use-bullmq.js';

describe('BullMQ: what boards show', () => {
  const bullmq = useBullMQ();

  it('completes the job of an event that every handler handled', async () => {
    const { test } = bullmq;
    const { bus } = await test.start((bus) => bus.on('order:placed', () => undefined, { id: 'a' }));
    const { id } = await bus.emitAsync('order:placed', { total: 3 });
    const job = await test.job('completed');
    expect(job.name).toBe('order:placed');
    expect(job.id).toMatch(new RegExp(`^${id}~`));
    expect(job.data).toMatchObject({ specversion: '1.0', id, type: 'order:placed', data: { total: 3 } });
    expect(job).toMatchObject({ attemptsMade: 1, stalledCounter: 0 });
  });

  it('shows a job as active while a handler runs', async () => {
    const { test } = bullmq;
    const { opened, open } = gate();
    const { bus } = await test.start((bus) => bus.on('x', () => opened, { id: 'a' }));
    await bus.emitAsync('x', 1);
    await test.job('active');
    expect(await bus.stats()).toMatchObject({ backend: { active: 1, inFlight: 1 } });
    open();
    await test.job('completed');
  });

  it('delays a job until the retry of its handler, and tells why', async () => {
    const { test } = bullmq;
    const handler = failingOnce(new RetryAfterError(700, 'not yet'));
    const { bus } = await test.start((bus) => bus.on('x', handler, { id: 'a' }));
    await bus.emitAsync('x', 1);
    const job = await test.job('delayed');
    expect(job.failedReason).toBe('not yet');
    expect(job.stacktrace![0]).toContain('not yet');
    expect(job.attemptsMade).toBe(1);
    expect(job.data.todo).toEqual([expect.objectContaining({ handlerId: 'a', attempt: 2 })]);
    const left = job.processedOn! + 700 - Date.now();
    expect(job.delay).toBeLessThanOrEqual(700);
    expect(left).toBeLessThanOrEqual(700);
    await test.job('completed');
    expect(handler.calls).toBe(2);
  });

  it('runs what would have been next when somebody promotes the job', async () => {
    const { test } = bullmq;
    const handler = failingOnce(new RetryAfterError(600_000));
    const { bus } = await test.start((bus) => bus.on('x', handler, { id: 'a' }));
    await bus.emitAsync('x', 1);
    await (await test.job('delayed')).promote();
    await test.job('completed');
    expect(handler.calls).toBe(2);
  });

  it('runs only handlers whose time has come, and none again that succeeded', async () => {
    const { test } = bullmq;
    const calls: string[] = [];
    const failing = (id: string, delayMs: number) => () => {
      calls.push(id);
      if (calls.filter((each) => each === id).length === 1) throw new RetryAfterError(delayMs);
    };
    const { bus } = await test.start((bus) => {
      bus.on('x', () => void calls.push('well'), { id: 'well' });
      bus.on('x', failing('soon', 50), { id: 'soon' });
      bus.on('x', failing('later', 500), { id: 'later' });
    });
    await bus.emitAsync('x', 1);
    await test.job('completed');
    expect(calls).toEqual(['well', 'soon', 'later', 'soon', 'later']);
  });

  it('fails the job of an event that a handler gave up, with the reason, when the others are done', async () => {
    const { test } = bullmq;
    let tries = 0;
    const { bus } = await test.start((bus) => {
      bus.on(
        'x',
        () => {
          throw new UnrecoverableError('no such customer');
        },
        { id: 'gives-up' },
      );
      bus.on(
        'x',
        () => {
          if (++tries < 3) throw new Error('try again');
        },
        { id: 'recovers' },
      );
    });
    await bus.emitAsync('x', 1);
    const job = await test.job('failed');
    expect(tries).toBe(3);
    expect(job.failedReason).toBe('gives-up: no such customer');
    expect((await bus.deadLetters.list()).entries).toMatchObject([{ handlerId: 'gives-up', status: 'dead' }]);
  });

  it('runs only the handlers that failed when somebody retries the job, and resolves their dead letters', async () => {
    const { test } = bullmq;
    const calls: string[] = [];
    let broken = true;
    const { bus } = await test.start(
      (bus) => {
        bus.on('x', () => void calls.push('well'), { id: 'well' });
        for (const id of ['first', 'second']) {
          bus.on(
            'x',
            () => {
              calls.push(id);
              if (broken) throw new UnrecoverableError('down');
            },
            { id },
          );
        }
      },
      {},
      { retry: false },
    );
    await bus.emitAsync('x', 1);
    const job = await test.job('failed');
    expect(job.failedReason).toBe('first: down; second: down');

    await job.retry();
    await waitFor(() => calls.length === 5);
    await waitFor(async () => (await test.job('failed')).failedReason === 'first: down; second: down');
    expect((await bus.deadLetters.list()).entries.map(({ attempts }) => attempts.length)).toEqual([2, 2]);

    broken = false;
    await (await test.job('failed')).retry();
    await test.job('completed');
    expect(calls).toEqual(['well', 'first', 'second', 'first', 'second', 'first', 'second']);
    expect(await bus.deadLetters.size()).toBe(0);
    expect((await bus.deadLetters.list({ status: 'resolved' })).entries).toHaveLength(2);
  });

  it('does not repeat a success when a job is retried whose dead letter was retried before', async () => {
    const { test } = bullmq;
    const handler = failingOnce(new UnrecoverableError('down'));
    const { bus } = await test.start((bus) => bus.on('x', handler, { id: 'a' }));
    await bus.emitAsync('x', 1);
    const job = await test.job('failed');
    await bus.deadLetters.retry({});
    await waitFor(async () => (await bus.deadLetters.size()) === 0, { timeoutMs: 10_000 });
    await job.retry();
    await waitFor(() => job.isCompleted(), { timeoutMs: 10_000 });
    expect(handler.calls).toBe(2);
  });

  it('does not let the attempts of a job that others added run handlers again', async () => {
    const { test } = bullmq;
    let calls = 0;
    const { bus } = await test.start(
      (bus) =>
        bus.on(
          'x',
          () => {
            calls++;
            throw new Error('down');
          },
          { id: 'a' },
        ),
      {},
      { retry: false },
    );
    const event = { specversion: '1.0', id: 'py-1', source: 'python', type: 'x', data: 1 };
    await test.queue().add('x', event, { attempts: 5 });
    const job = await test.job('failed');
    expect(calls).toBe(1);
    expect(job.attemptsMade).toBe(1);
    expect((await bus.deadLetters.list()).entries[0]!.event.source).toBe('python');
  });

  it('fails the job, too, when the module keeps dead letters elsewhere', async () => {
    const { test } = bullmq;
    const { MemoryDeadLetterStore } = await import('nestjs-durable-events');
    const store = new MemoryDeadLetterStore();
    let calls = 0;
    const { bus } = await test.start(
      (bus) =>
        bus.on(
          'x',
          () => {
            if (++calls === 1) throw new UnrecoverableError('down');
          },
          { id: 'a' },
        ),
      {},
      { deadLetters: store },
    );
    await bus.emitAsync('x', 1);
    const job = await test.job('failed');
    expect(job.failedReason).toContain('in the store of the module');
    await job.retry();
    await waitFor(async () => (await job.isFailed()) && calls === 1, { timeoutMs: 10_000 });
    await bus.deadLetters.retry({});
    await test.job('completed');
    expect(calls).toBe(2);
  });
});
