import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type Admin, type ITopicConfig, Kafka, logLevel } from 'kafkajs';
import { createEventBus, type EventBus, type EventErrorNotice } from 'nestjs-durable-events';
import { KafkaBackend, type KafkaOptions } from 'nestjs-durable-events/kafka';
import { freePort } from '../support/free-port.js';
import { startKafka } from '../support/services/kafka.js';
import { JARS_TIMEOUT_MS } from '../support/services/maven-jars.js';
import type { TestServer } from '../support/services/private-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

/** What the tests of a block work with. */
export interface Stage {
  /** The same for all of them. */
  readonly server: TestServer;
  /** In front of the broker, for clients that come to {@link throughProxy}. */
  readonly proxy: TcpProxy;
  readonly throughProxy: string;
  /** A client of other makers: it reads and writes as any other program does. */
  readonly client: Kafka;
  readonly admin: Admin;
  /** New for each. */
  readonly namespace: string;
  readonly notices: EventErrorNotice[];
  backend(options?: Partial<KafkaOptions>): KafkaBackend;
  /** A bus that is closed after the test. */
  bus(options?: Partial<KafkaOptions>): EventBus;
  /** Makes a topic, and waits until the broker tells of it: the client itself gives up on the first answer that it is not there. */
  makeTopic(topic: ITopicConfig): Promise<void>;
  /** All records of a topic, with the client of other makers. */
  records(topic: string, count: number): Promise<ReadRecord[]>;
}

/** A record, as another program sees it. */
export interface ReadRecord {
  readonly partition: number;
  readonly key: string | undefined;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sets up a broker for the tests of a block, and clears away what each leaves. */
export function useKafka(): Stage {
  Logger.overrideLogger(false); // the failures of handlers are meant
  const buses: EventBus[] = [];
  const stage = {
    notices: [] as EventErrorNotice[],
    backend({ connection = stage.server.url, ...options }: Partial<KafkaOptions> = {}): KafkaBackend {
      const { namespace } = stage;
      return new KafkaBackend({ connection, namespace, leaseMs: 6000, partitions: 3, ...options });
    },
    bus(options: Partial<KafkaOptions> = {}): EventBus {
      const bus = createEventBus({
        backend: stage.backend(options),
        source: 'orders',
        drainTimeoutMs: 1000,
        retry: { maxRetries: 2, initialBackoffMs: 10, backoffMultiplier: 1 },
        onError: (notice) => stage.notices.push(notice),
      });
      buses.push(bus);
      return bus;
    },
    async makeTopic(topic: ITopicConfig): Promise<void> {
      await stage.admin.createTopics({ topics: [topic], waitForLeaders: false });
      await waitFor(() =>
        stage.admin.fetchTopicMetadata({ topics: [topic.topic] }).then(
          ({ topics }) => topics[0]?.partitions.length === topic.numPartitions,
          () => false,
        ),
      );
    },
    async records(topic: string, count: number): Promise<ReadRecord[]> {
      const consumer = stage.client.consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100 });
      const found: ReadRecord[] = [];
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        const eachMessage = async ({ partition, message }: MessageOf) => {
          found.push(readRecord(partition, message));
          if (found.length === count) resolve();
        };
        consumer.run({ eachMessage }).catch(reject);
      });
      await consumer.disconnect();
      return found;
    },
  } as { -readonly [K in keyof Stage]: Stage[K] };
  beforeAll(async () => {
    const [port, advertised] = [await freePort(), await freePort()];
    stage.server = await startKafka({ proxies: [{ port, advertised }] });
    stage.proxy = new TcpProxy(advertised, port);
    await stage.proxy.resume();
    stage.throughProxy = `127.0.0.1:${advertised}`;
    const brokers = stage.server.url.replace('kafka://', '').split(',');
    stage.client = new Kafka({ brokers, logLevel: logLevel.NOTHING });
    stage.admin = stage.client.admin();
    await stage.admin.connect();
  }, JARS_TIMEOUT_MS);
  beforeEach(() => {
    stage.namespace = `test-${randomUUID().slice(0, 8)}`;
    stage.notices.length = 0;
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });
  afterAll(async () => {
    await stage.admin.disconnect();
    await stage.proxy.close();
    await stage.server.stop();
  });
  return stage;
}

interface MessageOf {
  readonly partition: number;
  readonly message: {
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers?: Readonly<Record<string, unknown>>;
  };
}

function readRecord(partition: number, { key, value, headers = {} }: MessageOf['message']): ReadRecord {
  return {
    partition,
    key: key?.toString(),
    value: value!.toString(),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)])),
  };
}
