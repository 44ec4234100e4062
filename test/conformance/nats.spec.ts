import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { NatsBackend } from 'nestjs-durable-events/nats';
import { describeBackend } from 'nestjs-durable-events/testing';
import { forkProgram } from '../support/fork-program.js';
import { startNats } from '../support/services/nats.js';
import { maxEventBytes, nats } from './nats.js';
import { useBroker } from './use-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/nats.ts');

let client: NatsConnection;
const broker = useBroker({
  start: startNats,
  external: 'NATS_URL',
  connect: async (url) => {
    client = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    return () => client.close();
  },
});

describeBackend(
  nats(() => broker.url),
  { broadcast: true, shared: true, retains: false, maxEventBytes },
  {
    name: 'NatsBackend',
    // No concurrency: NATS hands out events without being asked, so an instance cannot leave any to another one.
    timeoutMs: 10_000,
    fork: () => forkProgram(program, { CONFORMANCE_NATS: broker.url }),
    corrupt: async ({ namespace }, text) => {
      client.publish(`${namespace}.live.garbage`, text);
      await client.flush();
    },
    ...broker.hooks,
    borrow: async ({ namespace, group }) => {
      const borrowed = await connect({ servers: broker.url });
      return {
        backend: new NatsBackend({ connection: borrowed, namespace, group }),
        use: () => borrowed.flush(),
        dispose: () => borrowed.close(),
      };
    },
  },
);
