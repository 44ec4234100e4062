import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '../../clients/redis/connection.js';

/** A publisher relies on what it saw of the set for so long, in milliseconds. */
const FRESH_MS = 50;
/** A new group is started only when every publisher has looked again, and sent what it had begun to send. */
const SETTLE_MS = 4 * FRESH_MS;

/** Where a group gets its name from. */
export interface OwnGroup {
  /** @throws {EventConfigurationError} when it has none. */
  readonly name: () => string;
  /** Whether this process has handlers, and so will consume. */
  readonly consumes: () => boolean;
}

/**
 * The groups that get what is published. They are in a Redis set and stay there: what is published while a service is
 * down waits for it.
 */
export class Groups {
  #known: readonly string[] | undefined;
  #seenAt = -Infinity;

  constructor(
    /** Key of the set; absent where the groups are fixed. */
    private readonly key: string | undefined,
    private readonly own: OwnGroup,
    fixed: readonly string[] | undefined,
  ) {
    this.#known = fixed;
  }

  /** Key of the set when it is time to look at it again. */
  get keyToCheck(): string | undefined {
    return performance.now() - this.#seenAt < FRESH_MS ? undefined : this.key;
  }

  /** The groups as they were last seen, or as they are when none was. */
  async current(client: RedisClient): Promise<readonly string[]> {
    return this.#known?.length ? this.#known : this.#read(client);
  }

  /** The groups as they were last seen: the same list for as long as they are the same. */
  get known(): readonly string[] | undefined {
    return this.#known;
  }

  /** Takes note of what the set held before events were added. */
  see(members: readonly string[]): void {
    this.#seenAt = performance.now();
    const known = this.#known ?? [];
    if (members.length === known.length && members.every((group) => known.includes(group))) return;
    this.#known = members;
  }

  /** Resolves when the group gets everything that is published from then on. */
  async register(client: RedisClient, group: string): Promise<void> {
    if (this.key === undefined) return;
    if ((await client.sadd(this.key, group)) === 1) await sleep(SETTLE_MS);
  }

  /** Whoever will consume registers before its first event, and somebody has to keep an event that nobody waits for. */
  async #read(client: RedisClient): Promise<readonly string[]> {
    const key = this.key!;
    if (this.own.consumes()) await client.sadd(key, this.own.name());
    let members = await client.smembers(key);
    if (members.length === 0) {
      await client.sadd(key, this.own.name());
      members = await client.smembers(key);
    }
    return (this.#known = members);
  }
}
