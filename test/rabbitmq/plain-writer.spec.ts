import { describe, expect, it } from '@jest/globals';
import type { ConfirmChannel, Options } from 'amqplib';
import type { Outgoing } from '../../lib/clients/amqp/confirmed-sender.js';
import { PlainWriter } from '../../lib/clients/amqp/plain-writer.js';
import { waitFor } from '../support/wait-for.js';
import { useRabbitMQ } from './use-rabbitmq.js';

/** What amqplib has to send for a channel. */
interface Outlet {
  write(frames: Buffer): boolean;
}

function outletOf(channel: ConfirmChannel): Outlet {
  const { ch, connection } = channel as unknown as {
    ch: number;
    connection: { channels: { buffer: Outlet }[] };
  };
  return connection.channels[ch]!.buffer;
}

/** Runs work on a channel, and tells what was written meanwhile. Everything is sent as ever. */
function written(channel: ConfirmChannel, work: () => void): Buffer {
  const outlet = outletOf(channel);
  const { write } = outlet;
  const chunks: Buffer[] = [];
  outlet.write = (frames) => {
    chunks.push(frames);
    return write.call(outlet, frames);
  };
  work();
  outlet.write = write;
  return Buffer.concat(chunks);
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
      const write = () => expect(writer.write(message, (error) => confirmed.push(error))).toBe(true);
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
      const ours = written(channel, () => writer.write(message, () => undefined));
      expect(ours.equals(theirs)).toBe(true);
    }
    await channel.waitForConfirms();
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
