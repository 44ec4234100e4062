import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { Payload } from '../payload.js';
import type { Link, Transport } from '../transport.js';
import { removeStreams } from './streams.js';

const CONSUMER = 'bench';
const PULLED = 1_000;

function subjectOf({ namespace }: Link): string {
  return `${namespace}.payment`;
}

/** The client of JetStream: a confirmed publish for each payload, a consumer with a callback that acknowledges each. */
export const rawJetStream: Transport = {
  prepare: async (link) => {
    const connection = await connect({ servers: link.url });
    const { streams, consumers } = await jetstreamManager(connection);
    await streams.add({ name: link.namespace, subjects: [subjectOf(link)] });
    await consumers.add(link.namespace, {
      durable_name: CONSUMER,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: PULLED,
    });
    await connection.close();
  },
  produce: async (link) => {
    const connection = await connect({ servers: link.url });
    const client = jetstream(connection);
    const subject = subjectOf(link);
    return {
      send: (payload) => client.publish(subject, JSON.stringify(payload)),
      close: () => connection.close(),
    };
  },
  consume: async (link, handle) => {
    const connection = await connect({ servers: link.url });
    const consumer = await jetstream(connection).consumers.get(link.namespace, CONSUMER);
    const messages = await consumer.consume({
      max_messages: PULLED,
      callback: (message) => {
        void handle(message.json<Payload>());
        message.ack();
      },
    });
    return {
      close: async () => {
        await messages.close();
        await connection.close();
      },
    };
  },
  remove: removeStreams,
};

/** Core NATS: a publish is confirmed when a PING that follows it comes back. */
export const rawNats: Transport = {
  prepare: () => Promise.resolve(),
  produce: async (link) => {
    const connection = await connect({ servers: link.url });
    const subject = subjectOf(link);
    return {
      send: (payload) => {
        connection.publish(subject, JSON.stringify(payload));
        return connection.flush();
      },
      close: () => connection.close(),
    };
  },
  consume: async (link, handle) => {
    const connection = await connect({ servers: link.url });
    connection.subscribe(subjectOf(link), {
      callback: (error, message) => {
        if (error !== null) throw error;
        void handle(message.json<Payload>());
      },
    });
    await connection.flush();
    return { close: () => connection.close() };
  },
};
