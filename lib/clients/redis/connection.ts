import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { EventConfigurationError } from '../../errors.js';
import { checkRedisUrl, hideCredentials } from './credentials.js';
import type { Script } from './script.js';

/** How to reach Redis: a URL, ioredis options, or a client that stays the caller's and is never closed. */
export type RedisConnectionOption = string | RedisOptions | Redis | Cluster;

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

/**
 * Settings of a client that listens to channels. It comes back from everything, and listens again. Whoever has it asks
 * for a sign of life now and then.
 */
const SUBSCRIBER: RedisOptions = {
  ...OWN_CLIENT,
  lazyConnect: true,
  autoResubscribe: true,
  enableOfflineQueue: true,
  enableAutoPipelining: false,
  commandTimeout: undefined,
};

/** The client for commands, made or borrowed, and the readers duplicated from it. */
export class RedisConnection {
  #opening: Promise<RedisClient> | undefined;
  #becomingReady: Promise<RedisClient> | undefined;
  #commands: RedisClient | undefined;
  readonly #borrowed: boolean;
  readonly #readers = new Set<RedisClient>();
  /** Scripts that the server was sent over the present connection. */
  readonly #sent = new Set<Script>();
  readonly #forgetSent = () => this.#sent.clear();
  #troubled = false;

  /**
   * @param user Who needs it, for errors.
   * @throws {EventConfigurationError} when it is a text, but no URL of Redis.
   */
  constructor(
    private readonly option: RedisConnectionOption,
    private readonly user: string,
    private readonly report: (error: Error) => void,
  ) {
    if (typeof option === 'string') checkRedisUrl(option, user);
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

  /**
   * Runs a script by its digest. The text goes ahead of its first run over a connection: a run that the server has to refuse
   * because it does not know the script would be overtaken by those behind it.
   */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const client = this.#commands ?? (await this.open());
    if (!this.#sent.has(script)) this.#sendAhead(client, script);
    try {
      return await client.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
      return client.eval(script.lua, keys.length, ...keys, ...args);
    }
  }

  /** Opens one more client, for blocking reads. */
  openReader(): Promise<RedisClient> {
    return this.#duplicate(READER, () => null);
  }

  /** Opens one more client, for subscriptions. Close it as a reader. */
  openSubscriber(): Promise<RedisClient> {
    return this.#duplicate(SUBSCRIBER, OWN_CLIENT.retryStrategy as (times: number) => number);
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
    client?.off('close', this.#forgetSent);
    if (!this.#borrowed) client?.disconnect();
  }

  async #duplicate(
    redisOptions: RedisOptions,
    clusterRetryStrategy: (times: number) => number | null,
  ): Promise<RedisClient> {
    const client = await this.open();
    const reader: RedisClient = client.isCluster
      ? (client as Cluster).duplicate([], {
          lazyConnect: true,
          clusterRetryStrategy,
          enableAutoPipelining: false,
          scaleReads: 'master',
          redisOptions,
        })
      : (client as Redis).duplicate(redisOptions);
    // Whoever reads gets the error from the read itself.
    reader.on('error', hideCredentials);
    this.#readers.add(reader);
    return reader;
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

  #sendAhead(client: RedisClient, script: Script): void {
    this.#sent.add(script);
    // A node of a cluster would keep it for itself; there, and where this fails, the run itself brings the text.
    if (!client.isCluster) client.script('LOAD', script.lua).catch(() => undefined);
  }

  async #connect(): Promise<RedisClient> {
    this.#commands = isClient(this.option) ? this.option : await this.#make(this.option);
    this.#commands.on('close', this.#forgetSent);
    return this.#commands;
  }

  async #make(option: string | RedisOptions): Promise<Redis> {
    const { Redis } = await loadIoredis(this.user);
    const client =
      typeof option === 'string' ? new Redis(option, OWN_CLIENT) : new Redis({ ...OWN_CLIENT, ...option });
    // An outage is reported once, not with every attempt to end it.
    client.on('ready', () => (this.#troubled = false));
    client.on('error', (error) => {
      hideCredentials(error);
      if (!this.#troubled) this.report(error);
      this.#troubled = true;
    });
    return client;
  }
}

function isClient(option: RedisConnectionOption): option is RedisClient {
  return typeof option === 'object' && 'duplicate' in option && typeof option.duplicate === 'function';
}

async function loadIoredis(user: string) {
  try {
    return await import('ioredis');
  } catch (cause) {
    throw new EventConfigurationError(`${user} needs the package ioredis. Install it: npm install ioredis`, {
      cause,
    });
  }
}
