import { describe, expect, it } from '@jest/globals';
import { Names } from '../../lib/backends/rabbitmq/names.js';
import { waitFor } from '../support/wait-for.js';
import { useRabbitMQ } from './use-rabbitmq.js';

describe('RabbitMQBackend: its queues', () => {
  const stage = useRabbitMQ();
  const names = () => new Names(stage.namespace);

  it('are quorum queues at a durable topic exchange, which takes all events to each service', async () => {
    const bus = stage.bus();
    bus.on('order.placed', () => undefined);
    await bus.start();
    // Declared in another way, they are refused.
    const { channel, client } = stage;
    await expect(channel.assertExchange(names().exchange, 'fanout')).rejects.toThrow(/type.*'topic'/);
    const other = await client.createChannel();
    other.on('error', () => undefined);
    const asClassic = { 'x-queue-type': 'classic', 'x-delivery-limit': 1_000_000_000 };
    const classic = other.assertQueue(names().suspects('orders'), { arguments: asClassic });
    await expect(classic).rejects.toThrow(/x-queue-type.*quorum/);
  });

  it('keep what is published while no service has one, for the first that consumes', async () => {
    const publisher = stage.bus();
    await publisher.emitAsync('order.placed', 1);
    const service = stage.bus();
    const seen: unknown[] = [];
    service.on('order.placed', ({ data }) => void seen.push(data));
    await service.start();
    await waitFor(() => seen.length === 1, { timeoutMs: 10_000, message: 'the event' });
  });

  it(`reject what no service has a queue for, with unroutable: 'reject'`, async () => {
    const publisher = stage.bus({ unroutable: 'reject' });
    await expect(publisher.emitAsync('order.placed', 1)).rejects.toThrow(
      /no service has a queue.*unroutable/,
    );
    const service = stage.bus();
    service.on('order.placed', () => undefined);
    await service.start();
    await expect(publisher.emitAsync('order.placed', 2)).resolves.toMatchObject({ backend: 'rabbitmq' });
  });

  it('are consumed again after they were deleted, once, and by one consumer', async () => {
    const bus = stage.bus();
    const seen: unknown[] = [];
    bus.on('order.placed', ({ data }) => void seen.push(data));
    await bus.start();
    const queue = names().events('orders');
    await stage.channel.deleteQueue(queue);
    await waitFor(
      async () => {
        const channel = await stage.client.createChannel();
        channel.on('error', () => undefined);
        const consumers = await channel.checkQueue(queue).then(
          ({ consumerCount }) => consumerCount,
          () => 0,
        );
        return consumers === 1;
      },
      { message: 'the queue to be consumed again' },
    );
    await bus.emitAsync('order.placed', 1);
    await waitFor(() => seen.length > 0, { message: 'the event' });
    await bus.idle({ timeoutMs: 5000 });
    expect(seen).toEqual([1]);
    expect((await stage.channel.checkQueue(queue)).consumerCount).toBe(1);
  });

  it('have no consumer any more when the bus is closed, and keep what nobody handled', async () => {
    const bus = stage.bus();
    bus.on('order.placed', () => undefined);
    await bus.start();
    await bus.close();
    const other = stage.bus({ group: 'others' });
    await other.start();
    await other.emitAsync('order.placed', 1);
    const { consumerCount, messageCount } = await stage.channel.checkQueue(names().events('orders'));
    expect({ consumerCount, messageCount }).toEqual({ consumerCount: 0, messageCount: 1 });
  });

  it('say what is in their way when something else has their name', async () => {
    await stage.channel.assertQueue(names().events('orders'));
    const bus = stage.bus();
    bus.on('order.placed', () => undefined);
    await expect(bus.start()).rejects.toThrow(/other settings.*inequivalent arg.*Delete it, or set another/s);
  });

  it('take more messages at once when handlers are quick', async () => {
    const bus = stage.bus({ concurrency: 2 });
    let seen = 0;
    bus.on('order.placed', () => void seen++);
    await bus.start();
    await bus.emitBatch(Array.from({ length: 2000 }, (_, data) => ({ type: 'order.placed', data })));
    await waitFor(() => seen === 2000, { message: 'all events' });
    await waitFor(async () => Number((await bus.stats()).backend['prefetch']) > 2, {
      message: 'a larger prefetch',
    });
  });

  it('bring a retry back to the handler that failed alone, at its time, through queues of delays', async () => {
    const bus = stage.bus();
    const calls: { handler: string; at: number }[] = [];
    const call = (handler: string) => calls.push({ handler, at: performance.now() });
    bus.on('order.placed', () => void call('other'), { id: 'other' });
    bus.on(
      'order.placed',
      () => {
        if (call('failing') < 3) throw new Error('not yet');
      },
      { id: 'failing', retry: { maxRetries: 1, initialBackoffMs: 700 } },
    );
    const bystander = stage.bus({ group: 'bystander' });
    bystander.on('order.placed', () => void call('bystander'), { id: 'bystander' });
    await Promise.all([bus.start(), bystander.start()]);
    await bus.emitAsync('order.placed', 1);
    await waitFor(() => calls.length === 4, { message: 'the retry' });
    await bus.idle({ timeoutMs: 5000 });
    const failing = calls.filter(({ handler }) => handler === 'failing');
    expect(calls.map(({ handler }) => handler).sort()).toEqual(['bystander', 'failing', 'failing', 'other']);
    const waited = failing[1]!.at - failing[0]!.at;
    expect(waited).toBeGreaterThanOrEqual(697); // timers count whole milliseconds
    expect(waited).toBeLessThan(5000); // and it took no step too far
    expect(await stage.channel.checkQueue(names().delay(512))).toMatchObject({ messageCount: 0 });
  });
});
