import type { Cluster, Redis, RedisOptions } from 'ioredis';
import type { RedisClient } from '../../clients/redis/connection.js';
import { hideCredentials } from '../../clients/redis/credentials.js';
import { MAX_BLOCK_S } from './event-worker.js';

/** What ioredis says of a client that was closed. */
const CLOSED = 'Connection is closed.';

/**
 * Settings of the client that a worker of BullMQ works with, and of the one that it duplicates from it for blocking
 * reads. BullMQ needs them to come back by themselves; only a dead connection has no data for longer than its reads
 * block.
 */
const WORKER: RedisOptions = {
  maxRetriesPerRequest: null,
  retryStrategy: (times) => Math.min(times * 50, 1000),
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  commandTimeout: undefined,
  socketTimeout: 2000 + MAX_BLOCK_S * 1000,
};

/**
 * A client of its own for a worker, because blocking, and closing, must not touch the one that publishes; and the
 * clients that BullMQ duplicates from it.
 */
export class WorkerClient {
  readonly client: RedisClient;
  readonly #clients: RedisClient[] = [];
  #closed = false;

  constructor(publishing: RedisClient) {
    const { isCluster } = publishing;
    this.client = this.#guard(
      isCluster
        ? (publishing as Cluster).duplicate([], {
            redisOptions: { ...(publishing as Cluster).options.redisOptions, ...WORKER },
          })
        : (publishing as Redis).duplicate(WORKER),
    );
  }

  get ready(): boolean {
    return this.client.status === 'ready';
  }

  /** Disconnects all of them for good. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients) client.disconnect();
  }

  /** BullMQ may be repairing a connection when its worker is closed: what it then opened would live for ever. */
  #guard(client: RedisClient): RedisClient {
    // BullMQ listens for as long as its worker lives; outages are told by the client for commands.
    client.on('error', hideCredentials);
    const connect = client.connect.bind(client);
    client.connect = async () => {
      if (this.#closed) throw new Error(CLOSED);
      await connect();
    };
    const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
    client.duplicate = (...args: unknown[]) => this.#guard(duplicate(...args)) as never;
    this.#clients.push(client);
    return client;
  }
}

/** Whether the connection is to blame, which comes back by itself. */
export function isNetworkError(error: Error & { code?: unknown }): boolean {
  if (typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)) return true;
  return error.message === CLOSED || error.message.startsWith('Socket timeout');
}
