import type {
  Channel,
  ChannelModel,
  ConfirmChannel,
  Options,
  RecoveringChannelModel,
  SocketOptions,
} from 'amqplib';
import { EventConfigurationError, EventTimeoutError } from '../../errors.js';
import { toError } from '../../dispatch/failure.js';
import { within } from '../in-time.js';
import { loadAmqplib } from './load.js';

/** Options of amqplib: where to connect, and those of the socket beside. */
export interface AmqpConnectionOptions extends Options.Connect {
  /** Of the socket, such as `ca`, `cert` and `key` for TLS. */
  readonly socket?: SocketOptions;
}

/** A connection of amqplib; one made with its option `recovery` comes back by itself. */
export type AmqpConnection = ChannelModel | RecoveringChannelModel;

/**
 * How to reach the broker: a URL such as `amqp://user:password@localhost:5672/vhost` (`amqps://` for TLS), options, or
 * a connection that stays the caller's and is never closed.
 */
export type AmqpConnectionOption = string | AmqpConnectionOptions | AmqpConnection;

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2000;
/** How long one try to connect may take. */
const HANDSHAKE_MS = 5000;
/** How long the broker may take to answer that it closes. */
const CLOSE_MS = 1000;

/** So much leaves together. Beyond what a socket holds, amqplib writes message by message again. */
const GATHERED = { writableHighWaterMark: 1024 * 1024 };

/** Not in the type of a connection. */
interface WithStream {
  readonly stream: { destroy(): void };
}

/** The connection, made or borrowed. One that was made comes back from everything. */
export class AmqpClient {
  /** Called when there is a connection, or there will be none. */
  readonly #onConnected = new Set<() => void>();
  readonly #closing = new AbortController();
  #opening: Promise<AmqpConnection> | undefined;
  #model: ChannelModel | undefined;
  #connected = false;
  #blocked: string | undefined;
  #whyNot = 'no answer';

  /**
   * @param user Who needs it, for errors.
   * @param timeoutMs How long to try until {@link open} fails.
   * @param heartbeatS Seconds of silence after which either end asks whether the other is there.
   */
  constructor(
    private readonly option: AmqpConnectionOption,
    private readonly user: string,
    private readonly timeoutMs: number,
    private readonly heartbeatS: number,
    private readonly report: (error: Error) => void,
  ) {
    if (typeof option === 'string') checkUrl(option, user);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Why the broker takes no messages now, as when its memory is full; `undefined` when it does. */
  get blocked(): string | undefined {
    return this.#blocked;
  }

  /**
   * Resolves when there is a connection; begins one on first use, and waits until the time is up.
   *
   * @throws {EventTimeoutError} when it is; connecting goes on.
   * @throws {EventConfigurationError} when the package is missing.
   */
  async open(): Promise<void> {
    await (this.#opening ??= this.#begin().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    }));
    if (this.#connected) return;
    this.#assertOpen();
    let there!: () => void;
    const connected = new Promise<void>((resolve) => this.#onConnected.add((there = resolve)));
    await within(this.timeoutMs, connected);
    this.#onConnected.delete(there);
    if (this.#connected) return;
    this.#assertOpen();
    throw new EventTimeoutError(
      `${this.user} could not connect to RabbitMQ at ${placeOf(this.option)} within ${this.timeoutMs} ms: ${this.#whyNot}. Check that it runs, and 'connection'.`,
    );
  }

  /** A channel of the present connection. */
  async channel(): Promise<Channel> {
    return quiet(await (await this.#present()).createChannel());
  }

  /** A channel on which the broker confirms every message. */
  async confirmChannel(): Promise<ConfirmChannel> {
    return quiet(await (await this.#present()).createConfirmChannel());
  }

  /** Name and version of the broker, where they are known. */
  get server(): string | undefined {
    const { product, version } = this.#model?.connection.serverProperties ?? {};
    return product === undefined ? undefined : `${product} ${version}`;
  }

  /** Closes what was opened here. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const tell of this.#onConnected) tell(); // whoever waits for a connection need not any more
    const connection = await this.#opening?.catch(() => undefined); // whoever opened it was told
    this.#connected = false;
    if (connection === undefined || isConnection(this.option)) return;
    const closed = connection.close().catch(() => undefined); // it is closed already
    // A broker that does not answer any more must not keep this process alive.
    if (!(await within(CLOSE_MS, closed)))
      (this.#model?.connection as WithStream | undefined)?.stream.destroy();
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new Error(`${this.user} was closed`);
  }

  async #present(): Promise<AmqpConnection> {
    await this.open();
    return this.#opening!;
  }

  async #begin(): Promise<AmqpConnection> {
    if (isConnection(this.option)) return this.#watch(this.option);
    const { connect } = await loadAmqplib(this.user);
    const { address, socket } = this.#addressOf(this.option);
    return this.#watch(
      await connect(address, {
        noDelay: true,
        timeout: HANDSHAKE_MS,
        ...GATHERED,
        ...socket,
        recovery: { initialDelay: FIRST_RETRY_MS, maxDelay: MAX_RETRY_MS, waitForConnect: false },
      }),
    );
  }

  #addressOf(option: string | AmqpConnectionOptions): {
    address: string | Options.Connect;
    socket?: SocketOptions | undefined;
  } {
    if (typeof option !== 'string') {
      const { socket, ...address } = option;
      return { address: { heartbeat: this.heartbeatS, ...address }, socket };
    }
    const url = new URL(option);
    if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(this.heartbeatS));
    return { address: url.href };
  }

  #watch(model: AmqpConnection): AmqpConnection {
    const { signal } = this.#closing;
    const events: Record<string, (argument: unknown) => void> = {
      blocked: (reason) => {
        this.#blocked = String(reason);
        this.report(new Error(`RabbitMQ takes no messages now: ${this.#blocked}.`));
      },
      unblocked: () => (this.#blocked = undefined),
      // What follows is told by the event of the connection that ends.
      error: (error) => (this.#whyNot = toError(error).message),
    };
    if (isRecovering(model)) {
      events['connect'] = (connection) => this.#arrived(connection as ChannelModel);
      events['disconnect'] = (error) => this.#left(toError(error));
      events['connect-failed'] = (error) => this.#failed(toError(error));
      events['reconnect-failed'] = (error) => this.#left(toError(error));
      // One that was made before may be connected for long: then this resolves at once, and no event comes.
      void model.waitForConnect().then(
        () => this.#arrived(),
        () => undefined,
      );
    } else {
      events['close'] = (error) => this.#left(toError(error ?? 'it was closed'));
    }
    for (const [event, listener] of Object.entries(events)) model.on(event, listener);
    if (isConnection(this.option)) {
      signal.addEventListener('abort', () => {
        for (const [event, listener] of Object.entries(events)) model.removeListener(event, listener);
      });
    }
    if (!isRecovering(model)) this.#arrived(model);
    return model;
  }

  #arrived(model?: ChannelModel): void {
    this.#model = model ?? this.#model;
    if (this.#connected || this.#closing.signal.aborted) return;
    this.#connected = true;
    this.#blocked = undefined;
    this.#whyNot = 'no answer';
    for (const tell of this.#onConnected) tell();
  }

  #left(error: Error): void {
    if (this.#connected && !this.#closing.signal.aborted)
      this.report(new Error(`${this.user} lost its connection to RabbitMQ: ${error.message}`));
    this.#connected = false;
    this.#blocked = undefined;
  }

  #failed(error: Error): void {
    const first = this.#whyNot === 'no answer';
    this.#whyNot = error.message || 'no answer';
    if (first && !this.#closing.signal.aborted) {
      this.report(
        new Error(
          `${this.user} cannot connect to RabbitMQ at ${placeOf(this.option)} yet: ${this.#whyNot}. It tries again.`,
        ),
      );
    }
  }
}

/**
 * Resolves when a channel is closed, be it with its connection: amqplib waits for the answer of the broker, which never
 * comes when the connection ends before it.
 */
export async function closeChannel(channel: Channel): Promise<void> {
  await new Promise<void>((resolve) => {
    channel.once('close', resolve);
    channel.close().then(resolve, resolve); // refused by one that is closed already
  });
}

/** Whether somebody else made it, and closes it. */
export function isConnection(option: AmqpConnectionOption): option is AmqpConnection {
  return typeof option === 'object' && 'createConfirmChannel' in option;
}

function isRecovering(model: AmqpConnection): model is RecoveringChannelModel {
  return 'waitForConnect' in model;
}

/** An error of a channel is followed by its end, which is what everybody listens for. */
function quiet<C extends Channel>(channel: C): C {
  channel.on('error', () => undefined);
  return channel;
}

function checkUrl(text: string, user: string): void {
  const { protocol } = URL.canParse(text) ? new URL(text) : { protocol: '' };
  if (protocol === 'amqp:' || protocol === 'amqps:') return;
  // The URL may hold a password, so it is not shown.
  throw new EventConfigurationError(
    `Option 'connection' of ${user} is not a URL of AMQP. Use one such as 'amqp://user:password@localhost:5672'.`,
  );
}

/** Where, without credentials. */
function placeOf(option: AmqpConnectionOption): string {
  if (isConnection(option)) return 'the given connection';
  if (typeof option === 'string') return new URL(option).host;
  return `${option.hostname ?? 'localhost'}:${option.port ?? 5672}`;
}
