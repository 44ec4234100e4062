import { NatsBackend, NatsJetStreamBackend } from 'nestjs-durable-events/nats';
import { nestTransport } from '../nest-application.js';
import { removeStreams } from './streams.js';

const CONCURRENCY = 100;

/** Through a stream on disk. */
export const oursOnJetStream = nestTransport({
  backend: ({ url, namespace }) =>
    new NatsJetStreamBackend({ connection: url, namespace, group: 'bench', concurrency: CONCURRENCY }),
  remove: removeStreams,
});

/** Through core NATS, which keeps nothing. */
export const oursOnNats = nestTransport({
  backend: ({ url, namespace }) =>
    new NatsBackend({
      connection: url,
      namespace,
      group: 'bench',
      concurrency: CONCURRENCY,
      maxQueued: 100_000,
    }),
});
