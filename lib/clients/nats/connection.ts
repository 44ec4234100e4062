import { readFile } from 'node:fs/promises';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import { EventConfigurationError, EventTimeoutError } from '../../errors.js';
import { pause } from '../../timer.js';
import { loadTransport } from './load.js';

/** Options of the NATS client, and two short cuts for credentials. */
export interface NatsClientOptions extends NodeConnectionOptions {
  /** Seed of an NKey user, beginning with `SU`. In place of `authenticator`. */
  nkeySeed?: string;
  /** Path of a credentials file, as `nsc` writes it. In place of `authenticator`. */
  credentialsFile?: string;
}

/**
 * How to reach NATS: a URL such as `nats://user:password@localhost:4222` (`tls://` for TLS; several with commas between),
 * options, or a connection that stays the caller's and is never closed.
 */
export type NatsConnectionOption = string | NatsClientOptions | NatsConnection;

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2000;

/** Settings of the connections that we open: they come back from everything, and notice a dead peer in seconds. */
const OWN_CONNECTION: NodeConnectionOptions = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 200,
  reconnectJitter: 100,
  ignoreAuthErrorAbort: true,
  pingInterval: 2000,
  maxPingOut: 2,
  timeout: 5000,
  noAsyncTraces: true,
};

/** The connection, made or borrowed. */
export class NatsClient {
  /** Called when a lost connection is there again. */
  onReconnect: () => void = () => undefined;
  /** Called when the connection was lost. */
  onDisconnect: () => void = () => undefined;
  readonly #borrowed: boolean;
  readonly #closing = new AbortController();
  #opening: Promise<NatsConnection> | undefined;
  #nc: NatsConnection | undefined;
  #connected = false;

  /**
   * @param user Who needs it, for errors.
   * @param timeoutMs How long to try until {@link open} fails.
   */
  constructor(
    private readonly option: NatsConnectionOption,
    private readonly user: string,
    private readonly timeoutMs: number,
    private readonly report: (error: Error) => void,
  ) {
    this.#borrowed = isConnection(option);
  }

  /** Whether a message can leave right now. */
  get connected(): boolean {
    return this.#connected && this.#nc?.isClosed() === false;
  }

  /** The connection, once there is one. */
  get current(): NatsConnection | undefined {
    return this.#nc;
  }

  /**
   * The connection; opened on first use, and tried again until the time is up.
   *
   * @throws {EventTimeoutError} when it is.
   * @throws {EventConfigurationError} when the package or a credentials file is missing.
   */
  open(): Promise<NatsConnection> {
    return (this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined; // a server that was down may not be at the next try
      throw error;
    }));
  }

  /** Closes what was opened here. */
  async close(): Promise<void> {
    this.#closing.abort();
    const nc = await this.#opening?.catch(() => undefined); // whoever opened it was told
    if (!this.#borrowed) await nc?.close();
  }

  async #open(): Promise<NatsConnection> {
    const nc = isConnection(this.option) ? this.option : await this.#connect(this.option);
    this.#nc = nc;
    this.#connected = true;
    void this.#watch(nc);
    return nc;
  }

  async #connect(option: string | NatsClientOptions): Promise<NatsConnection> {
    const { connect } = await loadTransport(this.user);
    const options = { ...OWN_CONNECTION, ...(await this.#optionsFrom(option)) };
    const deadline = performance.now() + this.timeoutMs;
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        return await connect(options);
      } catch (cause) {
        const why = (cause as Error).message;
        if (performance.now() + wait >= deadline || this.#closing.signal.aborted) {
          throw new EventTimeoutError(
            `${this.user} could not connect to NATS at ${namesOf(options.servers)} within ${this.timeoutMs} ms: ${why}. Check that it runs, and 'connection'.`,
            { cause },
          );
        }
        if (wait === FIRST_RETRY_MS) {
          this.report(
            new Error(
              `${this.user} cannot connect to NATS at ${namesOf(options.servers)} yet: ${why}. It tries again.`,
            ),
          );
        }
        await pause(wait, this.#closing.signal);
      }
    }
  }

  async #optionsFrom(option: string | NatsClientOptions): Promise<NodeConnectionOptions> {
    if (typeof option === 'string') return optionsOfUrl(option, this.user);
    const { nkeySeed, credentialsFile, ...options } = option;
    if (nkeySeed === undefined && credentialsFile === undefined) return options;
    const { nkeyAuthenticator, credsAuthenticator } = await loadTransport(this.user);
    if (nkeySeed !== undefined)
      return { ...options, authenticator: nkeyAuthenticator(Buffer.from(nkeySeed)) };
    try {
      return { ...options, authenticator: credsAuthenticator(await readFile(credentialsFile!)) };
    } catch (cause) {
      throw new EventConfigurationError(
        `${this.user} cannot read 'connection.credentialsFile': ${(cause as NodeJS.ErrnoException).code ?? 'not a credentials file'}. Set it to the path of a file that nsc wrote.`,
      );
    }
  }

  async #watch(nc: NatsConnection): Promise<void> {
    for await (const status of nc.status()) {
      if (this.#closing.signal.aborted) return;
      if (status.type === 'disconnect') {
        if (this.#connected) this.report(new Error(`${this.user} lost its connection to NATS.`));
        this.#connected = false;
        this.onDisconnect();
      } else if (status.type === 'reconnect') {
        this.#connected = true;
        this.onReconnect();
      } else if (status.type === 'error') {
        this.report(new Error(`NATS told ${this.user}: ${status.error.message}`, { cause: status.error }));
      }
    }
    this.#connected = false;
    if (!this.#closing.signal.aborted)
      this.report(new Error(`The NATS connection of ${this.user} was closed.`));
  }
}

function isConnection(option: NatsConnectionOption): option is NatsConnection {
  return typeof option === 'object' && 'publish' in option && typeof option.publish === 'function';
}

function optionsOfUrl(text: string, user: string): NodeConnectionOptions {
  const servers: string[] = [];
  const options: NodeConnectionOptions = {};
  for (const part of text.split(',')) {
    let url: URL;
    try {
      url = new URL(part.includes('://') ? part.trim() : `nats://${part.trim()}`);
    } catch {
      // The URL may hold a password, so it is not shown.
      throw new EventConfigurationError(
        `Option 'connection' of ${user} is not a URL. Use one such as 'nats://localhost:4222'.`,
      );
    }
    servers.push(url.host);
    if (url.protocol === 'tls:') options.tls = {};
    if (url.password) {
      options.user = decodeURIComponent(url.username);
      options.pass = decodeURIComponent(url.password);
    } else if (url.username) {
      options.token = decodeURIComponent(url.username);
    }
  }
  return { ...options, servers };
}

/** Servers as they may be shown: a URL may hold a password. */
function namesOf(servers: string | string[] = '127.0.0.1:4222'): string {
  return [servers]
    .flat()
    .join(', ')
    .replaceAll(/[^\s,/]*@/g, '');
}
