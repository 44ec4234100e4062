import { describe, expect, it } from '@jest/globals';
import type { ConfirmChannel, Options } from 'amqplib';
import type { Outgoing } from '../../lib/clients/amqp/confirmed-sender.js';
import { PlainWriter } from '../../lib/clients/amqp/plain-writer.js';
import { waitFor } from '../support/wait-for.js';
import { useRabbitMQ } from './use-rabbitmq.js';

/** Where amqplib has bytes to send for a channel. */
interface Outlets {
  readonly buffer: { write(frames: Buffer): boolean };
  readonly connection: { sendBytes(frames: Buffer): void };
}

function outletsOf(channel: ConfirmChannel): Outlets {
  const { ch, connection } = channel as unknown as {
    ch: number;
    connection: Outlets['connection'] & { channels: { buffer: Outlets['buffer'] }[] };
  };
  return { buffer: connection.channels[ch]!.buffer, connection };
}

/** Runs work on a channel, and tells what was written meanwhile, piece by piece. Everything is sent as ever. */
function pieces(channel: ConfirmChannel, work: () => void): Buffer[] {
  const { buffer, connection } = outletsOf(channel);
  const { write } = buffer;
  const { sendBytes } = connection;
  const chunks: Buffer[] = [];
  buffer.write = (frames) => {
    chunks.push(frames);
    return write.call(buffer, frames);
  };
  connection.sendBytes = (frames) => {
    chunks.push(frames);
    sendBytes.call(connection, frames);
  };
  work();
  buffer.write = write;
  connection.sendBytes = sendBytes;
  return chunks;
}

function written(channel: ConfirmChannel, work: () => void): Buffer {
  return Buffer.concat(pieces(channel, work));
}

describe('messages of RabbitMQ that are written at less cost', () => {
  const stage = useRabbitMQ();
  const options = { contentType: 'application/json', messageId: 'id-1', type: 'order.placed', appId: 'shop' };

  it.each([
    ['plain', options, '{"a":1}'],
    [
      'with a text in other letters',
      { ...options, messageId: 'ïd', type: 'заказ', appId: '店' },
      '{"ä":"語"}',
    ],
    ['without an id', { ...options, messageId: undefined }, '{}'],
    ['without a name', { ...options, type: undefined, appId: undefined }, '{}'],
    ['without anything', {}, '{}'],
    ['of bytes', options, Buffer.from([0, 255, 206])],
    [
      'with the longest texts',
      { ...options, messageId: 'x'.repeat(255), type: 'y'.repeat(255) },
      'z'.repeat(5000),
    ],
  ] satisfies [string, Options.Publish, string | Buffer][])(
    '%s: are the bytes of amqplib',
    async (_, some, content) => {
      const { channel, namespace } = stage;
      const { queue } = await channel.assertQueue(namespace, { exclusive: true });
      const all = { persistent: true, mandatory: true, timestamp: 1_700_000_000, ...some };
      const theirs = written(channel, () => channel.sendToQueue(queue, Buffer.from(content), all));
      const message: Outgoing = { exchange: '', routingKey: queue, content, options: all, plain: true };
      const writer = PlainWriter.for(channel)!;
      const confirmed: (Error | null)[] = [];
      const write = () => {
        expect(writer.write(message, (error) => confirmed.push(error))).toBe(true);
        writer.flush();
      };
      const first = written(channel, write);
      const again = written(channel, write);
      expect(first.equals(theirs)).toBe(true);
      expect(again.equals(theirs)).toBe(true);
      await channel.waitForConfirms();
      expect(confirmed).toEqual([null, null]);
      expect((await channel.checkQueue(queue)).messageCount).toBe(3);
    },
  );

  it('are told apart by everything that they share', async () => {
    const { channel, namespace } = stage;
    const { queue } = await channel.assertQueue(namespace, { exclusive: true });
    const writer = PlainWriter.for(channel)!;
    const kinds = [
      options,
      { ...options, appId: 'desk' },
      { ...options, contentType: 'text/plain' },
      options,
    ];
    for (const kind of kinds) {
      const all = { persistent: true, mandatory: true, timestamp: 1, ...kind };
      const theirs = written(channel, () => channel.sendToQueue(queue, Buffer.from('{}'), all));
      const message: Outgoing = { exchange: '', routingKey: queue, content: '{}', options: all, plain: true };
      const ours = written(channel, () => {
        writer.write(message, () => undefined);
        writer.flush();
      });
      expect(ours.equals(theirs)).toBe(true);
    }
    await channel.waitForConfirms();
  });

  it('are sent together, a few dozen at most, and arrive whole in whatever room there is', async () => {
    const { channel, namespace } = stage;
    const { queue } = await channel.assertQueue(namespace, { exclusive: true });
    const writer = PlainWriter.for(channel)!;
    const contents = Array.from({ length: 200 }, (_, i) => 'x'.repeat(1 + ((i * 7919) % 90_000)));
    const some = { persistent: true, mandatory: true, timestamp: 1 };
    const small = pieces(channel, () => {
      for (let i = 0; i < 100; i++)
        writer.write(
          { exchange: '', routingKey: queue, content: '{}', options: some, plain: true },
          () => undefined,
        );
      writer.flush();
    });
    expect(small).toHaveLength(4);
    for (const content of contents) {
      const message = { exchange: '', routingKey: queue, content, options: some, plain: true };
      expect(writer.write(message, () => undefined)).toBe(true);
    }
    await channel.waitForConfirms();
    const sizes: number[] = [];
    for (;;) {
      const message = await channel.get(queue, { noAck: true });
      if (message === false) break;
      sizes.push(message.content.length);
    }
    expect(sizes.slice(100)).toEqual(contents.map(({ length }) => length));
  });

  it('are left to amqplib when they do not fit into one frame, and on a channel that is closed', async () => {
    const { channel, client } = stage;
    const writer = PlainWriter.for(channel)!;
    const message = (content: string): Outgoing => ({
      exchange: '',
      routingKey: 'nowhere',
      content,
      options: { persistent: true, mandatory: true, timestamp: 1 },
      plain: true,
    });
    expect(writer.write(message('x'.repeat(1024 * 1024)), () => undefined)).toBe(false);
    const other = await client.createConfirmChannel();
    const ofOther = PlainWriter.for(other)!;
    await other.close();
    expect(ofOther.write(message('x'), () => undefined)).toBe(false);
  });

  it('keep their place among others, so that each is confirmed for itself', async () => {
    const bus = stage.bus();
    const seen: number[] = [];
    bus.on('x', ({ data }) => void seen.push(String(data).length));
    await bus.start();
    const lengths = [10, 300_000, 20, 300_001, 30];
    await Promise.all(lengths.map((length) => bus.emitAsync('x', 'x'.repeat(length))));
    await waitFor(() => seen.length >= lengths.length, { timeoutMs: 10_000, message: 'all of them' });
    expect(seen.sort((a, b) => a - b)).toEqual(lengths.toSorted((a, b) => a - b));
  });
});
