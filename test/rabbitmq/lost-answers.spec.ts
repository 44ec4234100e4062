import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect, type ConsumeMessage, type RecoveringChannelModel } from 'amqplib';
import { Acks } from '../../lib/clients/amqp/acks.js';
import { type TcpProxy, startTcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { useRabbitMQ } from './use-rabbitmq.js';

describe('RabbitMQBackend: a connection that ends before the broker has answered', () => {
  const stage = useRabbitMQ();
  let proxy: TcpProxy;
  beforeEach(async () => {
    proxy = await startTcpProxy(stage.server.port);
  });
  afterEach(() => proxy.close());

  /** A connection that is cut, when told so, right after it was asked to close a channel. */
  async function cutAtAClosing(): Promise<{ connection: RecoveringChannelModel; cut: () => Promise<void> }> {
    const connection = await connect(proxy.inFrontOf(stage.server.url), { recovery: true });
    connection.on('error', () => undefined);
    let due = false;
    const createChannel = connection.createChannel.bind(connection);
    connection.createChannel = async () => {
      const channel = await createChannel();
      const close = channel.close.bind(channel);
      channel.close = () => {
        const closed = close();
        if (due) proxy.cut();
        due = false;
        return closed;
      };
      return channel;
    };
    const cut = async () => {
      due = true;
      proxy.cut();
      await waitFor(() => !due, { message: 'a channel to be closed' });
    };
    return { connection, cut };
  }

  it('does not keep events from being published over the next one', async () => {
    const { connection, cut } = await cutAtAClosing();
    try {
      const bus = stage.bus({ connection });
      await bus.emitAsync('x', 1);
      // The channel that is closed is that on which the queues were declared for the new connection.
      const second = cut().then(() => bus.emitAsync('x', 2));
      const receipts = [await bus.emitAsync('x', 3), await second];
      expect(receipts).toMatchObject([{ backend: 'rabbitmq' }, { backend: 'rabbitmq' }]);
      await bus.close();
    } finally {
      await connection.close();
    }
  });

  it('does not keep events from being consumed over the next one', async () => {
    const { connection, cut } = await cutAtAClosing();
    try {
      const bus = stage.bus({ connection });
      const seen: unknown[] = [];
      bus.on('x', ({ data }) => void seen.push(data));
      await bus.start();
      await cut();
      await waitFor(async () => (await bus.health()).status === 'up', {
        timeoutMs: 10_000,
        message: 'all queues to be read',
      });
      await bus.emitAsync('x', 1);
      await waitFor(() => seen.includes(1));
      await bus.close();
    } finally {
      await connection.close();
    }
  });

  it('does not keep dead letters from being asked for again', async () => {
    const bus = stage.bus({
      connection: proxy.inFrontOf(stage.server.url),
      leaseMs: 2000,
      publishTimeoutMs: 500,
    });
    bus.on(
      'x',
      () => {
        throw new Error('no stock');
      },
      { id: 'stock', retry: false },
    );
    await bus.start();
    await bus.emitAsync('x', 1);
    await waitFor(async () => (await bus.deadLetters.size()) === 1);
    // The queue is still in hand when the broker falls silent.
    expect(await bus.deadLetters.size()).toBe(1);
    proxy.strand();
    await expect(bus.deadLetters.size()).rejects.toThrow('did not answer');
    await waitFor(async () => (await bus.deadLetters.size().catch(() => 0)) === 1, { timeoutMs: 15_000 });
  }, 30_000);
});

describe('RabbitMQBackend: a message that is settled while its channel is being closed', () => {
  const stage = useRabbitMQ();

  it('does not end the process, and is delivered again', async () => {
    const { channel, namespace } = stage;
    await channel.assertQueue(namespace);
    for (const text of ['1', '2']) channel.sendToQueue(namespace, Buffer.from(text));
    await channel.waitForConfirms();
    const messages: ConsumeMessage[] = [];
    await channel.consume(namespace, (message) => messages.push(message!));
    await waitFor(() => messages.length === 2);
    const acks = new Acks(channel);
    const closed = channel.close();
    acks.settle(messages[0]!);
    acks.giveBack(messages[1]!);
    await closed;
    const other = await stage.client.createChannel();
    const again = [await other.get(namespace), await other.get(namespace)];
    expect(again.map((message) => message !== false && message.content.toString())).toEqual(['1', '2']);
    await other.deleteQueue(namespace);
    await other.close();
  });
});
