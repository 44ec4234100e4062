import type { ConfirmChannel, Message, Options } from 'amqplib';
import { setTimeout as sleep } from 'node:timers/promises';
import { toError } from '../../dispatch/failure.js';
import type { AmqpClient } from './connection.js';
import { Gathering } from './gathering.js';
import { PlainWriter } from './plain-writer.js';

/** A message for an exchange. */
export interface Outgoing {
  /** The default exchange is `''`: it takes a message to the queue of the name that is its routing key. */
  readonly exchange: string;
  readonly routingKey: string;
  /** A text is sent as UTF-8. */
  readonly content: Buffer | string;
  /** With a `messageId`, by which one is known that no queue took. */
  readonly options: Options.Publish;
  /**
   * The options are `persistent`, `mandatory` and `timestamp`, and no others but `contentType`, `messageId`, `type` and
   * `appId`: such a message can be written at less cost.
   */
  readonly plain?: boolean;
}

/** How a message ended: stored, taken by no queue, or with an error. */
export type OnSent = (error: Error | undefined, returned: boolean) => void;

interface Waiting {
  readonly message: Outgoing;
  readonly deadline: number;
  readonly done: OnSent;
}

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;
const FLUSH_POLL_MS = 5;
const CLOSED = 'the backend was closed';

/**
 * Sends messages over one channel on which the broker confirms each of them. Many may be under way. What was not confirmed
 * when the channel was lost is sent again over the next: all of it may be stored twice.
 */
export class ConfirmedSender {
  /** In the order of their deadlines, because all have the same time. */
  readonly #waiting = new Set<Waiting>();
  /** Messages that no queue took and that are not confirmed yet, by id. */
  readonly #returned = new Map<unknown, number>();
  readonly #stop = new AbortController();
  #channel: ConfirmChannel | undefined;
  #gathering: Gathering | undefined;
  #writer: PlainWriter | undefined;
  #opening: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #why = '';

  /**
   * @param prepare Has everything in place that messages are sent to; called before each channel is used.
   * @param timeoutMs From sending to the confirmation.
   */
  constructor(
    private readonly client: AmqpClient,
    private readonly prepare: () => Promise<void>,
    private readonly timeoutMs: number,
    private readonly report: (error: Error) => void,
  ) {}

  /** Messages that are not confirmed yet. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves when messages can leave. @throws what keeps them from it. */
  async open(): Promise<void> {
    if (this.#channel !== undefined) return;
    await this.client.open();
    await (this.#opening ??= this.#openChannel().finally(() => (this.#opening = undefined)));
  }

  /** Sends a message. `done` is called once: when it is confirmed, or with an error, when the time is up at latest. */
  send(message: Outgoing, done: OnSent): void {
    if (this.#stop.signal.aborted) return done(new Error(CLOSED), false);
    const waiting = { message, deadline: performance.now() + this.timeoutMs, done };
    this.#waiting.add(waiting);
    this.#timer ??= setTimeout(() => this.#expire(), this.timeoutMs);
    if (this.#channel === undefined) this.#reopen();
    else this.#transmit(waiting, this.#channel);
  }

  /** As {@link send}. Resolves with whether a queue took it. */
  sent(message: Outgoing): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.send(message, (error, returned) => (error === undefined ? resolve(!returned) : reject(error)));
    });
  }

  /** Resolves when nothing is under way. */
  async flushed(): Promise<void> {
    while (this.#waiting.size > 0) await sleep(FLUSH_POLL_MS);
  }

  /** Fails what is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    for (const waiting of this.#waiting) this.#finish(waiting, new Error(CLOSED));
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.close().catch(() => undefined); // it is gone already
  }

  #transmit(waiting: Waiting, channel: ConfirmChannel): void {
    const { message } = waiting;
    const done = (error: Error | null) => {
      // A channel that is lost fails all that it had. They are sent again, or are already.
      if (error === null) this.#confirmed(waiting);
      else if (this.#channel === channel) this.#finish(waiting, new Error('RabbitMQ refused it'));
    };
    try {
      if (message.plain === true && this.#writer?.write(message, done) === true) return;
      this.#writer?.flush();
      this.#gathering?.begin();
      const { exchange, routingKey, content, options } = message;
      channel.publish(exchange, routingKey, bytesOf(content), options, done);
    } catch (error) {
      // It may be closed before anybody listened; whatever else there is, is wrong with the message.
      if (toError(error).name === 'IllegalOperationError') this.#lost(channel);
      else this.#finish(waiting, toError(error));
    }
  }

  #confirmed(waiting: Waiting): void {
    if (this.#returned.size === 0) return this.#finish(waiting, undefined);
    const { messageId } = waiting.message.options;
    const times = this.#returned.get(messageId) ?? 0;
    if (times > 1) this.#returned.set(messageId, times - 1);
    else this.#returned.delete(messageId);
    this.#finish(waiting, undefined, times > 0);
  }

  #finish(waiting: Waiting, error: Error | undefined, returned = false): void {
    if (this.#waiting.delete(waiting)) waiting.done(error, returned);
  }

  /** Sees to a channel until there is one, or nobody wants it any more. */
  #reopen(): void {
    if (this.#opening !== undefined || this.#stop.signal.aborted) return;
    this.#opening = this.#insist().finally(() => (this.#opening = undefined));
  }

  async #insist(): Promise<void> {
    for (let wait = FIRST_RETRY_MS; this.#waiting.size > 0; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        await this.client.open();
        await this.#openChannel();
        if (this.#channel !== undefined) return;
      } catch (error) {
        const { message } = toError(error);
        if (message !== this.#why && this.client.connected) this.report(toError(error));
        this.#why = message;
      }
      await sleep(wait, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
    }
  }

  async #openChannel(): Promise<void> {
    await this.prepare();
    const channel = await this.client.confirmChannel();
    if (this.#stop.signal.aborted) return channel.close();
    channel.on('return', ({ properties: { messageId } }: Message) =>
      this.#returned.set(messageId, (this.#returned.get(messageId) ?? 0) + 1),
    );
    channel.on('error', (error: Error) => this.#tooLarge(error));
    // Before the listener of amqplib, which fails what is under way.
    channel.prependListener('close', () => this.#lost(channel));
    this.#channel = channel;
    this.#gathering = new Gathering(channel);
    this.#writer = PlainWriter.for(channel);
    this.#why = '';
    for (const waiting of this.#waiting) {
      if (this.#channel !== channel) return; // it is lost already
      this.#transmit(waiting, channel);
    }
  }

  /** The broker closes the channel on a message that is larger than it takes, and would on the next one as well. */
  #tooLarge(error: Error): void {
    const [, size] = /message size (\d+)/.exec(error.message) ?? [];
    for (const waiting of this.#waiting)
      if (Buffer.byteLength(waiting.message.content) === Number(size)) this.#finish(waiting, error);
  }

  #lost(channel: ConfirmChannel): void {
    if (this.#channel !== channel) return;
    this.#channel = undefined;
    this.#returned.clear();
    if (this.#waiting.size > 0) this.#reopen();
  }

  #expire(): void {
    const now = performance.now();
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) {
        this.#timer = setTimeout(() => this.#expire(), waiting.deadline - now);
        return;
      }
      const why = this.client.blocked ?? this.#why;
      const because = why === '' ? '' : ` (${why})`;
      this.#finish(waiting, new Error(`no confirmation within ${this.timeoutMs} ms${because}`));
    }
    this.#timer = undefined;
  }
}

function bytesOf(content: Buffer | string): Buffer {
  return typeof content === 'string' ? Buffer.from(content) : content;
}
