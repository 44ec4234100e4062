import { connect } from 'amqplib';
import type { Payload } from '../payload.js';
import type { Transport } from '../transport.js';
import { removeAll, withChannel } from './remove.js';

const PREFETCH = 100;

/** amqplib: a channel with confirmations, and a consumer of a quorum queue that acknowledges each message. */
export const rawRabbitMQ: Transport = {
  prepare: (link) =>
    withChannel(link, (channel) =>
      channel.assertQueue(link.namespace, { durable: true, arguments: { 'x-queue-type': 'quorum' } }),
    ),
  produce: async ({ url, namespace }) => {
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    return {
      send: (payload) =>
        new Promise<void>((resolve, reject) => {
          const body = Buffer.from(JSON.stringify(payload));
          channel.sendToQueue(namespace, body, { persistent: true }, (cause: unknown) => {
            if (cause) reject(new Error('RabbitMQ did not take a message.', { cause }));
            else resolve();
          });
        }),
      close: () => connection.close(),
    };
  },
  consume: async ({ url, namespace }, handle) => {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    await channel.prefetch(PREFETCH);
    await channel.consume(namespace, (message) => {
      if (message === null) throw new Error('The broker ended the consumer.');
      void handle(JSON.parse(message.content.toString()) as Payload);
      channel.ack(message);
    });
    return { close: () => connection.close() };
  },
  remove: removeAll,
};
