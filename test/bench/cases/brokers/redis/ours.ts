import { RedisInbox, RedisPubSubBackend, RedisStreamsBackend } from 'nestjs-durable-events/redis';
import { nestTransport } from '../nest-application.js';
import type { Link } from '../transport.js';

/** As many as the raw loop reads at once. */
const CONCURRENCY = 100;

function backend({ url, leaseMs }: Link): RedisStreamsBackend {
  return new RedisStreamsBackend({ connection: url, group: 'bench', concurrency: CONCURRENCY, leaseMs });
}

/** Through Redis Streams. */
export const ours = nestTransport({ backend });
export const oursKeyed = nestTransport({ backend, keyed: true });
export const oursInbox = nestTransport({ backend, inbox: ({ url }) => new RedisInbox({ connection: url }) });

/** Through channels, which keep nothing. */
export const oursOnPubSub = nestTransport({
  backend: ({ url }) =>
    new RedisPubSubBackend({ connection: url, group: 'bench', concurrency: CONCURRENCY, maxQueued: 100_000 }),
});
