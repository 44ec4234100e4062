import { brokerTables } from './broker.js';

/** Through a stream of JetStream, on disk. */
const jetStream = brokerTables({
  group: 'jetstream',
  broker: 'NATS JetStream',
  server: 'nats',
  ours: { transport: 'oursOnJetStream', title: 'NatsJetStreamBackend' },
  others: [
    {
      transport: 'rawJetStream',
      title: '@nats-io/jetstream: publish, consume with a callback',
      mark: { publish: { 100: 2, 1_000: 2 }, consume: 0.7, latencyP99Ms: 5 },
    },
  ],
});

/** Through core NATS, which keeps nothing. */
const core = brokerTables({
  group: 'nats',
  broker: 'core NATS',
  server: 'nats',
  keeps: false,
  ours: { transport: 'oursOnNats', title: 'NatsBackend' },
  others: [
    {
      transport: 'rawNats',
      title: '@nats-io/transport-node: publish and flush, subscribe',
      mark: { publish: { 100: 0.8 }, endToEnd: 0.7, latencyP99Ms: 5 },
    },
    {
      transport: 'nestNats',
      title: '@nestjs/microservices, NATS',
      mark: { publish: { 100: 1 }, endToEnd: 1 },
    },
  ],
});

export const nats = [...jetStream, ...core];
