import { describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { createEvent, EventConfigurationError, EventPublishError } from 'nestjs-durable-events';
import { BullMQBackend } from 'nestjs-durable-events/bullmq';
import { freePort } from '../support/free-port.js';
import { waitFor } from '../support/wait-for.js';
import { useBullMQ } from './use-bullmq.js';

describe('BullMQ: publishing', () => {
  const bullmq = useBullMQ();

  it('adds one job to the queue of every group that ever subscribed', async () => {
    const { test } = bullmq;
    const stock = await test.start(() => undefined, { group: 'stock' });
    await stock.bus.close();
    const { bus } = await test.start((bus) => bus.on('x', () => undefined, { id: 'a' }), { group: 'orders' });
    await bus.emitAsync('x', 1);
    await test.job('completed', 'orders');
    await test.job('waiting', 'stock');
    expect(await test.queue('stock').getJobCounts()).toMatchObject({ waiting: 1 });
  });

  it('reaches a group that registered after it last looked', async () => {
    const { test } = bullmq;
    const { backend } = test.make({ group: 'orders' });
    await backend.publish(createEvent('x', 1));
    const seen: unknown[] = [];
    await test.start((bus) => bus.on('x', ({ data }) => void seen.push(data), { id: 'a' }), {
      group: 'late',
    });
    await backend.publish(createEvent('x', 2));
    await waitFor(() => seen.length === 1);
    expect(seen).toEqual([2]);
  });

  it('keeps what is published before anybody consumes for the group of the publisher', async () => {
    const { test } = bullmq;
    const { bus, backend } = test.make();
    const seen: unknown[] = [];
    bus.on('x', ({ data }) => void seen.push(data), { id: 'a' });
    await backend.publish(createEvent('x', 1));
    await bus.start();
    await waitFor(() => seen.length === 1);
  });

  it('adds to the groups it is told, and to no others', async () => {
    const { test } = bullmq;
    await test.start(() => undefined, { group: 'orders' });
    const { backend } = test.make({ group: 'shop', groups: ['mail', 'stock'] });
    await backend.publish(createEvent('x', 1));
    for (const group of ['mail', 'stock']) expect((await test.job('waiting', group)).name).toBe('x');
    expect(await test.queue('orders').count()).toBe(0);
    expect(await test.queue('shop').count()).toBe(0);
  });

  it('stores an id of the emitter once for as long as BullMQ keeps its job, per source', async () => {
    const { test } = bullmq;
    const seen: string[] = [];
    const { bus } = await test.start((bus) =>
      bus.on('x', ({ source }) => void seen.push(source), { id: 'a' }),
    );
    const all = await Promise.all([1, 2, 3].map((n) => bus.emitAsync('x', n, { id: '42' })));
    expect(all.map(({ duplicate = false }) => duplicate)).toEqual([false, true, true]);
    await test.job('completed');
    expect((await bus.emitAsync('x', 4, { id: '42' })).duplicate).toBe(true);
    expect((await bus.emitAsync('x', 5, { id: '42', source: 'other' })).duplicate).toBeUndefined();
    await waitFor(() => seen.length === 2);
    await (await test.queue().getJob('42@orders'))!.remove();
    expect((await bus.emitAsync('x', 6, { id: '42' })).duplicate).toBeUndefined();
    await waitFor(() => seen.length === 3);
    expect(seen.toSorted()).toEqual(['orders', 'orders', 'other']);
  });

  it('takes ids that BullMQ would refuse, or use for something else', async () => {
    const { test } = bullmq;
    const ids = [
      '7',
      '-7',
      '0',
      '0:1',
      'a:b',
      'wait',
      'meta',
      'events',
      '{x}',
      'ü\n',
      '%3A',
      'a@b',
      '\ud800',
    ];
    const seen: string[] = [];
    const { bus } = await test.start((bus) => bus.on('x', ({ id }) => void seen.push(id), { id: 'a' }));
    const results = await bus.emitBatch(ids.map((id) => ({ type: 'x', data: 1, options: { id } })));
    expect(results.map(({ status }) => status)).toEqual(ids.map(() => 'fulfilled'));
    await waitFor(() => seen.length === ids.length, { message: () => `all ids, but ${seen.join()} came` });
  });

  it('takes names of events, groups and namespaces that BullMQ would refuse', async () => {
    const { test } = bullmq;
    const names = { namespace: `${test.namespace}:a.b`, group: 'orders:eu {1}' };
    const seen: string[] = [];
    const { bus } = await test.start(
      (bus) => bus.on('**', ({ type }) => void seen.push(type), { id: 'a' }),
      names,
    );
    await bus.emitAsync('after:signup', 1);
    await bus.emitAsync('a b%{}', 1);
    await waitFor(() => seen.length === 2);
    expect(seen.toSorted()).toEqual(['a b%{}', 'after:signup']);
  });

  it('hands priorities and other options of a job to BullMQ', async () => {
    const { test } = bullmq;
    const order: unknown[] = [];
    const { bus, backend } = test.make({
      concurrency: 1,
      jobOptions: ({ data }) => ({ priority: data as number, keepLogs: 3 }),
    });
    bus.on('x', ({ data }) => void order.push(data), { id: 'a' });
    await backend.publishBatch([5, 1, 3].map((n) => ({ event: createEvent('x', n) })));
    expect(await test.queue().getCountsPerPriority([1, 3, 5])).toEqual({ 1: 1, 3: 1, 5: 1 });
    await bus.start();
    await waitFor(() => order.length === 3);
    expect(order).toEqual([1, 3, 5]);
    expect((await test.job('completed')).opts.keepLogs).toBe(3);
  });

  it.each([
    [{ attempts: 3 }, "set 'retry'"],
    [{ jobId: 'x' }, "set 'id' when you emit"],
    [{ delay: 5 }, "'delayMs'"],
    [{ removeOnFail: true }, 'how many failed jobs to keep'],
    [{ removeOnFail: { count: 0 } }, 'how many failed jobs to keep'],
    [{ deduplication: { id: 'x' } }, 'drop events'],
    [{ priority: 1.5 }, 'whole number from 0'],
    [{ nonsense: 1 }, 'known are priority'],
  ])('refuses the options %j of a job', async (jobOptions, why) => {
    const connection = bullmq.server.url;
    expect(() => new BullMQBackend({ connection, group: 'g', jobOptions: jobOptions as object })).toThrow(
      why,
    );
    const backend = new BullMQBackend({ connection, group: 'g', jobOptions: () => jobOptions as object });
    const published = backend.publish(createEvent('x', 1));
    await expect(published).rejects.toThrow(EventConfigurationError);
    await expect(published).rejects.toThrow(why);
    await backend.close();
  });

  it.each([
    [{ connection: '' }, 'connection'],
    [{ connection: { keyPrefix: 'x' } }, 'queueOptions.prefix'],
    [{ namespace: '{a}' }, 'namespace'],
    [{ group: '' }, 'group'],
    [{ groups: [] }, 'groups'],
    [{ concurrency: 0 }, 'concurrency'],
    [{ leaseMs: 99 }, 'leaseMs'],
    [{ maxDeliveries: 0 }, 'maxDeliveries'],
    [{ removeOnFail: true }, 'removeOnFail'],
    [{ queueOptions: { connection: {} } }, 'connection'],
    [{ workerOptions: { maxStartedAttempts: 3 } }, 'maxStartedAttempts'],
    [{ workerOptions: { lockDuration: 3 } }, 'leaseMs'],
  ])('refuses %j', (options, field) => {
    const make = () => new BullMQBackend({ connection: 'redis://localhost', ...(options as object) });
    expect(make).toThrow(EventConfigurationError);
    expect(make).toThrow(field);
  });

  it('rejects in time when there is no server', async () => {
    const connection = `redis://127.0.0.1:${await freePort()}`;
    const { backend } = bullmq.test.make({ connection, publishTimeoutMs: 200 });
    const startedAt = performance.now();
    const published = backend.publish(createEvent('x', 1));
    await expect(published).rejects.toThrow(EventPublishError);
    await expect(published).rejects.toThrow('within 200 ms');
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it('uses a client that it is given, and does not close it', async () => {
    const { test, server } = bullmq;
    const connection = new Redis(server.url);
    test.onClose(() => connection.disconnect());
    const seen: unknown[] = [];
    const { bus } = await test.start((bus) => bus.on('x', ({ data }) => void seen.push(data), { id: 'a' }), {
      connection,
    });
    await bus.emitAsync('x', 1);
    await waitFor(() => seen.length === 1);
    await bus.close();
    expect(await connection.ping()).toBe('PONG');
  });

  it('lends its queue to boards', async () => {
    const { backend } = bullmq.test.make();
    await backend.publish(createEvent('x', 1));
    const queue = await backend.queue();
    expect(queue).toBeInstanceOf(Queue);
    expect((await queue.getWaiting()).map(({ name }) => name)).toEqual(['x']);
  });
});
