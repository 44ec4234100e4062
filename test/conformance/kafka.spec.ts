import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Admin, Producer } from '@platformatic/kafka';
import { KafkaBackend, PlatformaticClient } from 'nestjs-durable-events/kafka';
import { describeBackend } from 'nestjs-durable-events/testing';
import { forkProgram } from '../support/fork-program.js';
import { freePort } from '../support/free-port.js';
import { startKafka } from '../support/services/kafka.js';
import { JARS_TIMEOUT_MS } from '../support/services/maven-jars.js';
import type { TestServer } from '../support/services/private-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { concurrency, kafka, leaseMs, maxEventBytes } from './kafka.js';

Logger.overrideLogger(false); // the failures of the cases are meant

/** Somebody else's broker is not ours to kill: the cases about outages are then skipped, and say so. */
const ownServer = process.env['KAFKA_BROKERS'] === undefined;
const program = join(import.meta.dirname, 'programs/kafka.ts');

let server: TestServer;
let proxy: TcpProxy | undefined;
/** Everything goes through the proxy, which can spoil the network. */
let brokers: string;
beforeAll(async () => {
  const behind = await freePort();
  const advertised = await freePort();
  server = await startKafka({ proxies: [{ port: behind, advertised }] });
  brokers = server.url;
  if (!ownServer) return;
  proxy = new TcpProxy(advertised, behind);
  await proxy.resume();
  brokers = `127.0.0.1:${advertised}`;
}, JARS_TIMEOUT_MS);
afterAll(async () => {
  await proxy?.close();
  await server.stop();
});

/** A broker that starts again looks through all that it has. */
afterEach(() => deleteTopics('conformance-'));

/** For clients of other makers. */
function bootstrap(): string[] {
  return brokers.replace('kafka://', '').split(',');
}

async function deleteTopics(prefix: string): Promise<void> {
  const admin = new Admin({
    clientId: 'tests',
    bootstrapBrokers: bootstrap(),
    retries: 100,
    retryDelay: 100,
  });
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.close();
}

describeBackend(
  kafka(() => brokers),
  {
    durable: true,
    delay: true,
    ordering: true,
    redelivery: true,
    shared: true,
    maxEventBytes,
  },
  {
    name: 'KafkaBackend',
    concurrency,
    leaseMs,
    // A virtual machine of Java has to start again after each outage.
    timeoutMs: 20_000,
    fork: () => forkProgram(program, { CONFORMANCE_KAFKA: brokers }),
    corrupt: async ({ namespace }, text) => {
      const producer = new Producer({ clientId: 'tests', bootstrapBrokers: bootstrap() });
      await producer.send({ messages: [{ topic: namespace, value: Buffer.from(text) }], acks: -1 });
      await producer.close();
    },
    erase: ({ namespace }) => deleteTopics(namespace),
    strand: ownServer ? async () => proxy!.strand() : undefined,
    borrow: async ({ namespace, group }) => {
      const borrowed = new PlatformaticClient(brokers);
      return {
        backend: new KafkaBackend({ connection: borrowed, namespace, group, leaseMs }),
        use: () => borrowed.topics([namespace]),
        dispose: () => borrowed.close(),
      };
    },
    outage: ownServer
      ? async () => {
          await server.kill9();
          return () => server.restart();
        }
      : undefined,
  },
);
