import { Consumer, ProduceAcks, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import type { Payload } from '../payload.js';
import type { Link, Transport } from '../transport.js';
import { brokersOf, makeTopic, removeTopics } from './topics.js';

const BATCH = 100;
/** The shortest time that a batch which is not full may wait. */
const BATCH_MS = 1;
/** More than are ever under way: what the stream holds back goes out late. */
const ROOM = 10_000;

const consume: Transport['consume'] = async (link, handle) => {
  const { namespace } = link;
  const consumer = new Consumer({
    clientId: 'bench',
    groupId: namespace,
    bootstrapBrokers: brokersOf(link),
    deserializers: stringDeserializers,
  });
  const stream = await consumer.consume({ topics: [namespace], mode: 'committed', fallbackMode: 'earliest' });
  stream.on('data', ({ value }) => void handle(JSON.parse(value) as Payload));
  return {
    close: async () => {
      await stream.close();
      await consumer.close();
    },
  };
};

/** Every replica confirms. */
function producerOf(link: Link, idempotent: boolean) {
  return new Producer({
    clientId: 'bench',
    bootstrapBrokers: brokersOf(link),
    serializers: stringSerializers,
    acks: ProduceAcks.ALL,
    idempotent,
  });
}

/**
 * The client of Kafka: a request for each payload, confirmed by all replicas, and a stream that commits what it has read
 * by itself. It is not idempotent, because with several requests under way the client numbers them alike, and Kafka stores
 * one of them and confirms all.
 */
export const rawKafka: Transport = {
  prepare: makeTopic,
  produce: async (link) => {
    const { namespace: topic } = link;
    const producer = producerOf(link, false);
    return {
      send: (payload) => producer.send({ messages: [{ topic, value: JSON.stringify(payload) }] }),
      close: () => producer.close(),
    };
  },
  consume,
  remove: removeTopics,
};

/** The stream of its producer, which puts payloads into batches and sends one after the other: so it can be idempotent. */
export const rawKafkaStream: Transport = {
  prepare: makeTopic,
  produce: async (link) => {
    const { namespace: topic } = link;
    const producer = producerOf(link, true);
    const stream = producer.asStream({
      batchSize: BATCH,
      batchTime: BATCH_MS,
      highWaterMark: ROOM,
      reportMode: 'message',
    });
    const confirmed = new Map<object, () => void>();
    stream.on('delivery-report', ({ message }: { message: object }) => {
      confirmed.get(message)!();
      confirmed.delete(message);
    });
    return {
      send: (payload) =>
        new Promise<void>((resolve) => {
          const message = { topic, value: JSON.stringify(payload) };
          confirmed.set(message, resolve);
          stream.write(message);
        }),
      close: async () => {
        await stream.close();
        await producer.close();
      },
    };
  },
  consume,
  remove: removeTopics,
};
