import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { NatsJetStreamBackend } from 'nestjs-durable-events/nats';
import { describeBackend } from 'nestjs-durable-events/testing';
import { Names } from '../../lib/backends/nats-jetstream/names.js';
import { forkProgram } from '../support/fork-program.js';
import { startNats } from '../support/services/nats.js';
import { concurrency, leaseMs, maxEventBytes, natsJetStream } from './nats-jetstream.js';
import { useBroker } from './use-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/nats-jetstream.ts');

let client: NatsConnection;
let jsm: JetStreamManager;
const broker = useBroker({
  start: startNats,
  external: 'NATS_URL',
  connect: async (url) => {
    client = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    jsm = await jetstreamManager(client);
    return () => client.close();
  },
});

describeBackend(
  natsJetStream(() => broker.url),
  {
    durable: true,
    delay: true,
    broadcast: true,
    redelivery: true,
    shared: true,
    dedup: true,
    cancel: true,
    maxEventBytes,
  },
  {
    name: 'NatsJetStreamBackend',
    concurrency,
    leaseMs,
    timeoutMs: 10_000,
    fork: () => forkProgram(program, { CONFORMANCE_NATS: broker.url }),
    corrupt: async ({ namespace }, text) => {
      client.publish(new Names(namespace).event('garbage'), text);
      await client.flush();
    },
    erase: async ({ namespace }) => {
      const { stream, stateStream } = new Names(namespace);
      await jsm.streams.delete(stream);
      await jsm.streams.delete(stateStream);
    },
    ...broker.hooks,
    borrow: async ({ namespace, group }) => {
      const borrowed = await connect({ servers: broker.url });
      return {
        backend: new NatsJetStreamBackend({ connection: borrowed, namespace, group }),
        use: () => borrowed.flush(),
        dispose: () => borrowed.close(),
      };
    },
  },
);
