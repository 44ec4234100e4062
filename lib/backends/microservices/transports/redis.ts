import type { ClientProxy, RedisContext } from '@nestjs/microservices';
import type { Carrier, TransportOptions } from '../carrier.js';
import { reachOf } from '../channels.js';
import { DiscreetClientRedis, DiscreetServerRedis } from './redis-sides.js';

/** What is used of the client. */
interface RedisClient {
  ping(): Promise<unknown>;
  disconnect(): void;
}

/** A command without a reply for so long means a dead connection. */
const SOCKET_TIMEOUT_MS = 5000;
/** Nest's server gives up a lost connection unless it is told to try again. */
const COMES_BACK = { retryAttempts: Number.MAX_SAFE_INTEGER, retryDelay: 200 };

/** Channels of Redis. Every process that listens gets every event. */
export const redis: Carrier = {
  name: 'Redis',
  packages: [['ioredis']],
  shares: false,
  // The client makes a new connection by itself for what is emitted after the old one was lost.
  clientOptions: (options) => ({ socketTimeout: SOCKET_TIMEOUT_MS, ...options }),
  serverOptions: (options) => ({
    ...COMES_BACK,
    socketTimeout: SOCKET_TIMEOUT_MS,
    ...options,
    wildcards: true,
  }),
  makeClient: (options): ClientProxy => new DiscreetClientRedis(options) as never,
  makeServer: (options: TransportOptions) => new DiscreetServerRedis(options),
  channelOf: (type) => type,
  subscriptions: (prefix, patterns) =>
    reachOf(
      patterns,
      (type) => prefix + type,
      (literal) => prefix + literal,
    ).map(({ text, open }) => text.replace(/[\\*?[\]]/g, '\\$&') + (open ? '*' : '')),
  channelFrom: (context) => (context as RedisContext).getChannel(),
  arrived: (server) => Promise.all((server.unwrap() as readonly RedisClient[]).map((each) => each.ping())),
  beats: true,
  // Those of a try that failed would come back by themselves.
  abort(side) {
    for (const client of side.unwrap() as readonly RedisClient[]) client.disconnect();
  },
};
