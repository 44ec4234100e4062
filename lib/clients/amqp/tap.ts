import type { Channel, ConsumeMessage } from 'amqplib';
import { setTimeout as sleep } from 'node:timers/promises';
import { toError } from '../../dispatch/failure.js';
import { Acks } from './acks.js';
import { type AmqpClient, closeChannel } from './connection.js';

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 2000;
/** How often to ask whether the queue has a consumer: one that came while a queue was being deleted is told nothing. */
const WATCH_MS = 2000;

/** One life of a channel. What came over it can only be settled during it. */
export class Session {
  readonly acks: Acks;
  /** The broker has taken everything back. */
  lost = false;

  constructor(readonly channel: Channel) {
    this.acks = new Acks(channel);
  }
}

/** What a tap works with. */
export interface TapParts {
  readonly client: AmqpClient;
  readonly queue: string;
  /** Has the queue in place; called before each channel is used. */
  readonly prepare: () => Promise<void>;
  readonly onMessage: (message: ConsumeMessage, session: Session) => void;
  /** The broker has taken back what came over this session. */
  readonly onLost: (session: Session) => void;
  readonly report: (error: Error) => void;
}

/**
 * Takes messages of one queue, over a channel of its own: an error there ends no other. Whatever ends the channel or the
 * consumer, a lost connection or a queue that was deleted, both are made again.
 */
export class Tap {
  readonly #stop = new AbortController();
  #session: Session | undefined;
  #tag: string | undefined;
  #opening: Promise<void> | undefined;
  #tuning: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;
  #ok = true;

  /** @param prefetch Messages that may be here without being settled. */
  constructor(
    private readonly parts: TapParts,
    private prefetch: number,
  ) {}

  /** Whether messages come. */
  get ok(): boolean {
    return this.#tag !== undefined;
  }

  /** Resolves when messages come. @throws what keeps them from it. */
  start(): Promise<void> {
    return this.#open();
  }

  /** Takes more messages at once, or fewer. Those that are here stay. */
  tune(prefetch: number): void {
    if (this.#tuning !== undefined || this.#tag === undefined || prefetch === this.prefetch) return;
    this.prefetch = prefetch;
    const [session, tag] = [this.#session!, this.#tag];
    // RabbitMQ sets the limit of a consumer when it makes it: so it makes another one.
    this.#tuning = this.#consume(session)
      .then(() => session.channel.cancel(tag))
      .catch(() => undefined) // the channel is lost, and comes back with the new limit
      .then(() => (this.#tuning = undefined));
  }

  /** Takes nothing more. Resolves when all that was on its way has arrived. */
  async stop(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#watch);
    await this.#tuning;
    if (this.parts.client.connected) await this.#opening; // it ends without a consumer
    const tag = this.#tag;
    this.#tag = undefined;
    if (tag !== undefined) await this.#session?.channel.cancel(tag).catch(() => undefined); // or it is lost
  }

  /** Gives back what was not settled. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#watch);
    this.#session?.acks.flush();
    if (this.#session !== undefined) await closeChannel(this.#session.channel);
  }

  async #open(): Promise<void> {
    await this.parts.prepare();
    const channel = await this.parts.client.channel();
    const session = new Session(channel);
    if (this.#stop.signal.aborted) return closeChannel(channel);
    channel.once('close', () => this.#lost(session));
    this.#session = session;
    await this.#consume(session);
    if (session.lost) throw new Error(`RabbitMQ closed the channel of queue '${this.parts.queue}' at once`);
    this.#ok = true;
    clearInterval(this.#watch);
    this.#watch = setInterval(() => void this.#look(session), WATCH_MS);
  }

  /** A channel whose consumer or queue is gone is of no use: its end brings a new one. */
  async #look({ channel }: Session): Promise<void> {
    try {
      const { consumerCount } = await channel.checkQueue(this.parts.queue);
      if (consumerCount === 0 && !this.#stop.signal.aborted) await closeChannel(channel);
    } catch {
      // The broker has closed it.
    }
  }

  async #consume(session: Session): Promise<void> {
    const { channel } = session;
    const { queue, onMessage } = this.parts;
    await channel.prefetch(this.prefetch);
    const consumer = await channel.consume(queue, (message) => {
      if (message !== null) return onMessage(message, session);
      // The queue was deleted, and the consumer with it.
      void closeChannel(channel);
    });
    if (!session.lost) this.#tag = consumer.consumerTag;
  }

  #lost(session: Session): void {
    session.lost = true;
    clearInterval(this.#watch);
    session.acks.close();
    this.parts.onLost(session);
    if (this.#session !== session) return;
    this.#session = this.#tag = undefined;
    this.#reopen();
  }

  #reopen(): void {
    if (this.#opening !== undefined || this.#stop.signal.aborted) return;
    this.#opening = this.#insist().finally(() => (this.#opening = undefined));
  }

  async #insist(): Promise<void> {
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      await sleep(wait, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      try {
        return await this.#open();
      } catch (error) {
        // An outage is told once, by the connection; what keeps a consumer from coming back beside that, here.
        if (this.#ok && this.parts.client.connected) this.parts.report(toError(error));
        this.#ok = false;
      }
    }
  }
}
