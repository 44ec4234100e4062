import { describe, expect, it } from '@jest/globals';
import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import type { Message } from 'amqplib';
import { Names } from '../../lib/backends/rabbitmq/names.js';
import { waitFor } from '../support/wait-for.js';
import { useRabbitMQ } from './use-rabbitmq.js';

describe('RabbitMQBackend: its messages', () => {
  const stage = useRabbitMQ();

  /** What another program gets that binds a queue of its own to the exchange. */
  async function listen(pattern: string): Promise<() => Promise<Message>> {
    const { channel, namespace } = stage;
    await channel.assertExchange(new Names(namespace).exchange, 'topic', { durable: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, new Names(namespace).exchange, pattern);
    return () =>
      waitFor(async () => (await channel.get(queue, { noAck: true })) || undefined, { message: 'a message' });
  }

  it('are CloudEvents with the name of the event as routing key, which any program can read', async () => {
    const next = await listen('order.*');
    const bus = stage.bus();
    await bus.start();
    const { id } = await bus.emitAsync(
      'order.placed',
      { total: 5, text: 'ü' },
      { key: 'k', correlationId: 'c' },
    );
    const { content, fields, properties } = await next();
    expect(fields.routingKey).toBe('order.placed');
    expect(properties).toMatchObject({
      contentType: 'application/cloudevents+json',
      deliveryMode: 2,
      messageId: id,
      type: 'order.placed',
      appId: 'orders',
    });
    const event = new CloudEvent(JSON.parse(content.toString()) as CloudEventV1<unknown>);
    expect(event.validate()).toBe(true);
    expect(event).toMatchObject({
      id,
      type: 'order.placed',
      source: 'orders',
      data: { total: 5, text: 'ü' },
      partitionkey: 'k',
      correlationid: 'c',
    });
  });

  it.each([
    ['of the binding for AMQP 1.0', 'cloudEvents_'],
    ['of the same with its other separator', 'cloudEvents:'],
    ['as in the bindings for other protocols', 'ce-'],
  ])('may be CloudEvents of others in binary mode, with headers %s', async (_, prefix) => {
    const bus = stage.bus();
    const seen: unknown[] = [];
    bus.on('stock.counted', (event) => void seen.push(event));
    await bus.start();
    const attributes = {
      specversion: '1.0',
      id: 'their-1',
      type: 'stock.counted',
      source: '/warehouse',
      time: { '!': 'timestamp', value: 1_790_000_000 },
      partitionkey: 'shelf',
    };
    const headers = Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [`${prefix}${name}`, value]),
    );
    const { channel, namespace } = stage;
    const options = { headers, contentType: 'application/json' };
    channel.publish(new Names(namespace).exchange, 'stock.counted', Buffer.from('{"left":3}'), options);
    await channel.waitForConfirms();
    await waitFor(() => seen.length === 1, { message: 'the event' });
    expect(seen[0]).toMatchObject({
      id: 'their-1',
      type: 'stock.counted',
      source: '/warehouse',
      key: 'shelf',
      data: { left: 3 },
      createdAt: new Date(1_790_000_000_000),
    });
  });

  it('are dead letters with their bytes when they cannot be read', async () => {
    const bus = stage.bus();
    bus.on('order.placed', () => undefined);
    await bus.start();
    const bytes = Buffer.from([0xff, 0x00, 0xfe]);
    stage.channel.publish(new Names(stage.namespace).exchange, 'x', bytes, {
      headers: { from: 'them', n: 1 },
    });
    await stage.channel.waitForConfirms();
    const letter = await waitFor(async () => (await bus.deadLetters.list()).entries[0], {
      message: 'the dead letter',
    });
    expect(letter.raw).toMatchObject({
      body: bytes.toString('base64'),
      encoding: 'base64',
      headers: { from: 'them', n: '1' },
    });
  });

  it('may have names and ids that are too long for a property', async () => {
    const bus = stage.bus();
    const seen: string[] = [];
    const type = `long.${'ü'.repeat(300)}`;
    bus.on(type, ({ id }) => void seen.push(id));
    await bus.start();
    const id = 'i'.repeat(400);
    await bus.emitAsync(type, 1, { id });
    await waitFor(() => seen.length === 1, { message: 'the event' });
    expect(seen).toEqual([id]);
  });

  it('keep a history of tries that is larger than the headers of a message may be', async () => {
    const bus = stage.bus();
    let calls = 0;
    bus.on(
      'order.placed',
      () => {
        calls++;
        throw new Error('x'.repeat(5000));
      },
      { id: 'h', retry: { maxRetries: 20, initialBackoffMs: 1, backoffMultiplier: 1 } },
    );
    await bus.start();
    await bus.emitAsync('order.placed', 1);
    const letter = await waitFor(async () => (await bus.deadLetters.list()).entries[0], {
      timeoutMs: 15_000,
      message: 'the dead letter',
    });
    expect(calls).toBe(21);
    expect(letter.attempts.at(-1)!.error.message).toMatch(/^x+/);
  });
});
