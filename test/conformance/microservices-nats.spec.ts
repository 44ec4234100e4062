import { Logger } from '@nestjs/common';
import { connect } from '@nats-io/transport-node';
import { describeBackend } from 'nestjs-durable-events/testing';
import { startNats } from '../support/services/nats.js';
import { maxEventBytes, microservices } from './microservices.js';
import { useMicroservicesBroker } from './use-microservices-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const broker = useMicroservicesBroker('nats', startNats, 'NATS_URL');

describeBackend(
  microservices('nats', () => broker.url),
  { shared: true, retains: false, maxEventBytes },
  {
    name: 'MicroservicesBackend on NATS',
    timeoutMs: 10_000,
    ...broker.hooks,
    corrupt: async ({ namespace }, text) => {
      const client = await connect({ servers: broker.server.url });
      client.publish(`${namespace}.readable`, text);
      await client.drain();
    },
  },
);
