import type { RedisClient, RedisConnection } from '../../clients/redis/connection.js';
import { within } from '../../clients/in-time.js';
import { inTime } from '../../clients/redis/waiting.js';
import { toError } from '../../dispatch/failure.js';
import { EventPublishError } from '../../errors.js';
import type { Inbound } from '../shared/inbound.js';
import type { ItsBus } from '../shared/its-bus.js';
import type { Claims } from './claims.js';
import { type PubSubMessage, readMessage } from './message.js';
import { USER } from './options.js';
import { Recent } from './recent.js';

/** How often Redis is asked for a sign of life: a subscription hears nothing for as long as nobody publishes. */
const PING_MS = 2000;
const FLUSH_MS = 2000;

/** What a subscription works with. */
export interface SubscriptionParts {
  readonly connection: RedisConnection;
  readonly bus: ItsBus;
  readonly channel: string;
  /** Absent: every process takes every event. */
  readonly claims: Claims | undefined;
  readonly inbound: Inbound<PubSubMessage>;
}

/** Listens to the channel, and takes what is for this process. */
export class Subscription {
  readonly #recent = new Recent();
  #client: RedisClient | undefined;
  #pings: NodeJS.Timeout | undefined;
  #listening = false;

  constructor(private readonly parts: SubscriptionParts) {}

  /** Whether Redis sends what is published now. */
  get listening(): boolean {
    return this.#listening && this.#client?.status === 'ready';
  }

  get busy(): boolean {
    const { inbound, claims } = this.parts;
    return inbound.queued + inbound.running > 0 || claims?.busy === true;
  }

  /** Resolves when Redis knows of it. @throws {EventTimeoutError} when it does not in time. */
  async start(timeoutMs: number): Promise<void> {
    const { connection, bus, channel } = this.parts;
    const client = await connection.openSubscriber();
    this.#client = client;
    client.on('message', (_: string, body: string) => this.#take(readMessage(body)));
    client.on('close', () => {
      if (!this.#listening) return;
      this.#listening = false;
      bus.report(
        new Error(`${USER} lost its subscription: what is published until it is back does not arrive here.`),
      );
    });
    client.on('ready', () => void this.#resume(client));
    await inTime(timeoutMs, client.subscribe(channel));
    this.#listening = true;
    // The client replaces a connection that answers nothing any more.
    this.#pings = setInterval(() => void client.ping().catch(() => undefined), PING_MS);
    this.#pings.unref();
  }

  /**
   * Handles what is here, and what that emits. Not before nothing more comes of it is the channel left: nobody else may
   * be there for it.
   */
  async finish(): Promise<void> {
    do {
      await this.idle();
      await this.#arrived();
    } while (this.busy);
    if (this.listening) await within(FLUSH_MS, this.#leave());
    await this.idle();
  }

  /** Resolves when nothing waits or runs here. */
  async idle(): Promise<void> {
    do {
      await this.parts.claims?.settled();
      await this.parts.inbound.idle();
    } while (this.busy);
  }

  close(): void {
    clearInterval(this.#pings);
    this.#listening = false;
    if (this.#client !== undefined) this.parts.connection.closeReader(this.#client);
  }

  /** The client subscribes again by itself; this resolves after it. */
  async #resume(client: RedisClient): Promise<void> {
    if (this.#pings === undefined) return; // the first connection
    try {
      await client.subscribe(this.parts.channel);
      this.#listening = true;
    } catch {
      // The connection is gone again, and comes again.
    }
  }

  async #leave(): Promise<void> {
    await this.#client!.unsubscribe(this.parts.channel).catch(() => undefined); // the connection is gone, and all of it
    this.#listening = false;
  }

  /** Resolves when what Redis had sent has arrived. */
  async #arrived(): Promise<void> {
    if (this.listening)
      await within(
        FLUSH_MS,
        this.#client!.ping().catch(() => undefined),
      ); // lost, as is all else
  }

  #take(message: PubSubMessage): void {
    const { inbound, claims, bus } = this.parts;
    const { event, numbered, publication } = message;
    if (event !== undefined && bus.host?.handles(event.type) === false) return;
    if (numbered && !this.#recent.isNew(publication)) return;
    if (claims === undefined) return inbound.accept(message, undefined);
    if (bus.hasBroadcastHandlers && event !== undefined) inbound.accept(message, 'broadcast');
    claims.claim(publication).then(
      (won) => {
        if (won) inbound.accept(message, bus.hasBroadcastHandlers ? 'group' : undefined);
      },
      (error: unknown) => void this.#unclaimed(message, toError(error)),
    );
  }

  /** Another process may have the event, or nobody: only a dead letter leaves a choice. */
  async #unclaimed({ event, body }: PubSubMessage, cause: Error): Promise<void> {
    const { bus } = this.parts;
    const error = new EventPublishError(
      `${USER} received an event and cannot tell whether it is for this process: ${cause.message}`,
      { cause },
    );
    if (event === undefined) return bus.report(new Error(`${error.message} It is no event: ${body}`));
    await bus.deadLetter(event, error).catch((failure: unknown) => bus.report(toError(failure)));
  }
}
