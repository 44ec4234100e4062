import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { EventConfigurationError } from '../../errors.js';
import type { RedisConnectionOption } from './options.js';
import type { Script } from './scripts/script.js';

/** What both kinds of ioredis clients can do. */
export type RedisClient = Redis | Cluster;

/** A command that got no reply for this long means a dead connection: it is replaced and the command sent again. */
const SOCKET_TIMEOUT_MS = 5000;

/**
 * Settings of the clients that we open. They come back from everything, and a failover is met by connecting anew:
 * code 2 also sends the refused command again.
 */
const OWN_CLIENT: RedisOptions = {
  maxRetriesPerRequest: null,
  retryStrategy: (times) => Math.min(times * 50, 1000),
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  socketTimeout: SOCKET_TIMEOUT_MS,
};

/**
 * Settings of a client that blocks in reads. It never comes back by itself, so that a read either ends or fails and
 * no reply can reach the wrong read: its user opens a new one.
 */
const READER: RedisOptions = {
  lazyConnect: true,
  maxRetriesPerRequest: null,
  retryStrategy: () => null,
  reconnectOnError: null,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  commandTimeout: undefined,
  socketTimeout: undefined,
  blockingTimeout: undefined,
  stringNumbers: false,
  replyMapping: 'legacy',
};

/** The client for commands, made or borrowed, and the readers duplicated from it. */
export class RedisConnection {
  #opening: Promise<RedisClient> | undefined;
  #becomingReady: Promise<RedisClient> | undefined;
  #commands: RedisClient | undefined;
  readonly #borrowed: boolean;
  readonly #readers = new Set<RedisClient>();
  #troubled = false;

  constructor(
    private readonly option: RedisConnectionOption,
    private readonly report: (error: Error) => void,
  ) {
    this.#borrowed = isClient(option);
  }

  /** The client for commands; opened on first use. */
  open(): Promise<RedisClient> {
    return (this.#opening ??= this.#connect());
  }

  /** The client for commands if it can take one right now. */
  get usable(): RedisClient | undefined {
    const status = this.#commands?.status;
    return status === 'ready' || status === 'wait' ? this.#commands : undefined;
  }

  /** Resolves when the client for commands can take one; rejects when it has been closed for good. */
  ready(): Promise<RedisClient> {
    return (this.#becomingReady ??= this.#untilReady().finally(() => (this.#becomingReady = undefined)));
  }

  /** Runs a script by its digest; the text travels only when the server does not know it. */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const client = this.#commands ?? (await this.open());
    try {
      return await client.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
      return client.eval(script.lua, keys.length, ...keys, ...args);
    }
  }

  /** Opens one more client, for blocking reads. */
  async openReader(): Promise<RedisClient> {
    const client = await this.open();
    const reader: RedisClient = client.isCluster
      ? (client as Cluster).duplicate([], {
          lazyConnect: true,
          clusterRetryStrategy: () => null,
          enableAutoPipelining: false,
          scaleReads: 'master',
          redisOptions: READER,
        })
      : (client as Redis).duplicate(READER);
    // Whoever reads gets the error from the read itself.
    reader.on('error', () => undefined);
    this.#readers.add(reader);
    return reader;
  }

  closeReader(reader: RedisClient): void {
    this.#readers.delete(reader);
    reader.disconnect();
  }

  /** Disconnects everything that was opened here. */
  async close(): Promise<void> {
    for (const reader of this.#readers) this.closeReader(reader);
    // A client that could not be made has been reported by whoever asked for it.
    const client = await this.#opening?.catch(() => undefined);
    if (!this.#borrowed) client?.disconnect();
  }

  async #untilReady(): Promise<RedisClient> {
    const client = await this.open();
    while (!this.usable) {
      if (client.status === 'end') throw new Error('The Redis client is closed.');
      await new Promise<void>((resolve) => {
        const settle = () => {
          client.off('ready', settle).off('end', settle);
          resolve();
        };
        client.on('ready', settle).on('end', settle);
      });
    }
    return client;
  }

  async #connect(): Promise<RedisClient> {
    this.#commands = isClient(this.option) ? this.option : await this.#make(this.option);
    return this.#commands;
  }

  async #make(option: string | RedisOptions): Promise<Redis> {
    const { Redis } = await loadIoredis();
    const client =
      typeof option === 'string' ? new Redis(option, OWN_CLIENT) : new Redis({ ...OWN_CLIENT, ...option });
    // An outage is reported once, not with every attempt to end it.
    client.on('ready', () => (this.#troubled = false));
    client.on('error', (error) => {
      if (!this.#troubled) this.report(error);
      this.#troubled = true;
    });
    return client;
  }
}

function isClient(option: RedisConnectionOption): option is RedisClient {
  return typeof option === 'object' && 'duplicate' in option && typeof option.duplicate === 'function';
}

async function loadIoredis() {
  try {
    return await import('ioredis');
  } catch (cause) {
    throw new EventConfigurationError(
      'RedisStreamsBackend needs the package ioredis. Install it: npm install ioredis',
      { cause },
    );
  }
}
