import type { RedisClient, RedisConnection } from '../../clients/redis/connection.js';
import { toError } from '../../dispatch/failure.js';

/** How often Redis is asked for a sign of life, which is how a dead connection is found and replaced. */
const PING_MS = 5000;

/** Hears of appends over a channel, on a connection of its own, for as long as somebody listens. */
export class Announcements {
  readonly #listeners = new Set<() => void>();
  readonly #tellAll = () => {
    for (const listener of this.#listeners) listener();
  };
  #subscriber: RedisClient | undefined;
  #pings: NodeJS.Timeout | undefined;

  /** @param report Told when Redis does not let this listen. */
  constructor(
    private readonly connection: RedisConnection,
    private readonly channel: string,
    private readonly report: (error: Error) => void,
  ) {}

  /** @returns A function that ends it. */
  listen(listener: () => void): () => void {
    // The same function may listen twice.
    const own = () => listener();
    if (this.#listeners.add(own).size === 1) {
      this.#open().catch((error: unknown) => {
        if (this.#listeners.size > 0) this.report(toError(error));
      });
    }
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    clearInterval(this.#pings);
    if (this.#subscriber !== undefined) this.connection.closeReader(this.#subscriber);
    this.#subscriber = undefined;
  }

  async #open(): Promise<void> {
    const subscriber = await this.connection.openSubscriber();
    if (this.#listeners.size === 0 || this.#subscriber !== undefined) {
      return this.connection.closeReader(subscriber);
    }
    this.#subscriber = subscriber;
    subscriber.on('message', this.#tellAll);
    // Nobody heard what was told while the connection was gone.
    subscriber.on('ready', this.#tellAll);
    this.#pings = setInterval(() => void subscriber.ping().catch(() => undefined), PING_MS);
    this.#pings.unref();
    await subscriber.subscribe(this.channel);
    this.#tellAll();
  }
}
