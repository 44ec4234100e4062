import { Logger } from '@nestjs/common';
import { connectAsync } from 'mqtt';
import { describeBackend } from 'nestjs-durable-events/testing';
import { startMosquitto } from '../support/services/mosquitto.js';
import { maxEventBytes, microservices } from './microservices.js';
import { useMicroservicesBroker } from './use-microservices-broker.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const broker = useMicroservicesBroker('mqtt', startMosquitto, 'MQTT_URL');

describeBackend(
  microservices('mqtt', () => broker.url),
  { shared: true, retains: false, maxEventBytes },
  {
    name: 'MicroservicesBackend on MQTT',
    timeoutMs: 10_000,
    ...broker.hooks,
    corrupt: async ({ namespace }, text) => {
      const client = await connectAsync(broker.server.url);
      await client.publishAsync(`${namespace}.readable`, text, { qos: 1 });
      await client.endAsync();
    },
  },
);
