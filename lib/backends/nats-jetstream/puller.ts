import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { within } from '../../clients/in-time.js';
import { toError } from '../../dispatch/failure.js';

const NANOS = 1_000_000;
/** How long a request for messages waits at the server. */
const EXPIRES_MS = 20_000;
/** While it waits, the server says that it still does so often. */
const HEARTBEAT_MS = 2000;
const RETRY_MS = 200;
const FLUSH_MS = 1000;
/** Header: how many messages a request that ends has not brought. */
const PENDING = 'Nats-Pending-Messages';
const ACK_PREFIX = '$JS.ACK.';

/** What a puller works with. */
export interface PullerParts {
  readonly nc: NatsConnection;
  readonly connected: () => boolean;
  /** A subject that is unique to this puller, without wildcards. */
  readonly inbox: string;
  readonly stream: string;
  readonly consumer: string;
  /** How many messages there is room for now. */
  readonly room: () => number;
  /** The fewest to ask for. */
  readonly least: () => number;
  readonly onMessage: (message: Msg) => void;
  /** Asks for the state of the consumer. */
  readonly look: () => Promise<unknown>;
  /** Makes the consumer again when it is gone. */
  readonly ensure: () => Promise<void>;
  readonly report: (error: Error) => void;
}

/**
 * Asks one consumer for as many messages as there is room for. Several requests may wait at the server.
 */
export class Puller {
  /** What all requests together may still bring: a message does not say which one it answers. */
  #asked = 0;
  readonly #inbox: string;
  readonly #subject: string;
  #subscription: Subscription | undefined;
  #watch: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #lastHeard = 0;
  #count = 0;
  #ok = true;
  #stopped = false;

  constructor(private readonly parts: PullerParts) {
    this.#inbox = `${parts.inbox}.`;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${parts.stream}.${parts.consumer}`;
  }

  /** Whether the server answers. */
  get ok(): boolean {
    return this.#ok;
  }

  start(): void {
    const callback = (_: Error | null, message: Msg) => this.#arrived(message);
    this.#subscription = this.parts.nc.subscribe(`${this.#inbox}*`, { callback });
    this.#watch = setInterval(() => this.#look(), HEARTBEAT_MS);
    this.poke();
  }

  /** There may be room. */
  poke(): void {
    if (this.#stopped || this.#retry !== undefined || !this.parts.connected()) return;
    const room = this.parts.room() - this.#asked;
    if (room < this.parts.least()) return;
    const request = { batch: room, expires: EXPIRES_MS * NANOS, idle_heartbeat: HEARTBEAT_MS * NANOS };
    if (this.#asked === 0) this.#lastHeard = performance.now();
    this.#asked += room;
    this.parts.nc.publish(this.#subject, JSON.stringify(request), {
      reply: this.#inbox + (this.#count++).toString(36),
    });
  }

  /** The connection is a new one: the server has forgotten what it was asked. */
  restart(): void {
    this.#asked = 0;
    this.poke();
  }

  /**
   * Asks for nothing more. Resolves when all that was on its way has arrived, and the server has taken our requests off
   * its list, which it does when it is looked at: servers 2.9 lose count when a message is given back while nobody but
   * us is on it.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#watch);
    clearTimeout(this.#retry);
    if (this.#subscription === undefined || this.parts.nc.isClosed()) return;
    if (!this.parts.connected()) return this.#subscription.unsubscribe();
    await within(FLUSH_MS, this.#leave(this.#subscription));
  }

  async #leave(subscription: Subscription): Promise<void> {
    try {
      await subscription.drain();
      await this.parts.look();
    } catch {
      // The connection or the consumer is gone, and our requests with it.
    }
  }

  #arrived(message: Msg): void {
    this.#lastHeard = performance.now();
    if (message.reply?.startsWith(ACK_PREFIX)) {
      this.#ok = true;
      if (this.#asked > 0) this.#asked--;
      return this.parts.onMessage(message);
    }
    const { code = 0, description = '' } = message.headers ?? {};
    if (code === 100) {
      this.#ok = true; // it says that the request still waits
      return;
    }
    // A server that does not say how much it leaves out is asked for too much rather than for too little.
    const left = Number(message.headers?.get(PENDING) || this.#asked);
    this.#asked = Math.max(0, this.#asked - left);
    if (code === 404 || code === 408) return this.poke();
    // Whatever else there is keeps the consumer from being read: it is gone, or the server starts or ends.
    this.#later(new Error(`NATS said '${code} ${description}' when asked for messages`));
  }

  #look(): void {
    if (this.#asked === 0 || !this.parts.connected()) return this.poke();
    if (performance.now() - this.#lastHeard < 2.5 * HEARTBEAT_MS) return;
    this.#asked = 0;
    this.#later(new Error('NATS says nothing about a request for messages'));
  }

  /** Sees to the consumer, then asks again. */
  #later(error: Error): void {
    if (this.#ok) this.parts.report(error);
    this.#ok = false;
    if (this.#stopped) return;
    this.#retry ??= setTimeout(() => void this.#mend(), RETRY_MS);
  }

  async #mend(): Promise<void> {
    let troubled = false;
    try {
      if (this.parts.connected()) await this.parts.ensure();
    } catch (error) {
      troubled = true;
      if (this.#ok) this.parts.report(toError(error));
    }
    this.#retry = undefined;
    if (troubled) this.#later(new Error('The consumer is not there'));
    else this.poke();
  }
}
