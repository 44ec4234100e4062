import { Logger } from '@nestjs/common';
import { within } from '../../clients/in-time.js';
import { RedisConnection } from '../../clients/redis/connection.js';
import { evictionProblem } from '../../clients/redis/eviction.js';
import { TimedCalls } from '../../clients/redis/timed-calls.js';
import { inTime } from '../../clients/redis/waiting.js';
import type { Event } from '../../event.js';
import type { EventCriteria, LoadOptions } from '../criteria.js';
import { type AppendOptions, type AppendResult, EventStore } from '../event-store.js';
import type { Publication, StoredEvent } from '../stored-event.js';
import { Announcements } from './announcements.js';
import { Appender } from './appender.js';
import { Calls } from './calls.js';
import { durabilityProblem } from './durability.js';
import { publicationText } from './entry.js';
import { StoreKeys } from './keys.js';
import {
  type RedisEventStoreOptions,
  type ResolvedStoreOptions,
  resolveStoreOptions,
  USER,
} from './options.js';
import { Reader } from './reader.js';
import { RedisCheckpoints } from './redis-checkpoints.js';
import { RedisSnapshots } from './redis-snapshots.js';
import { SETTLE } from './scripts/append.js';

/** Events that are settled in one call. */
const MAX_SETTLED = 500;
/** How long `close()` waits for what Redis has not confirmed yet. */
const FLUSH_MS = 2000;

/**
 * Events in Redis: all of them in memory, and on disk as its `appendonly` and `appendfsync` say. Needs the package
 * `ioredis` and Redis 6.2 or newer. Each append is one script, so no event becomes visible later than one behind it.
 * Without transactions: a checkpoint is saved after the effect, not with it.
 *
 * @example
 * const store = new RedisEventStore({ connection: 'redis://localhost:6379' });
 * await store.open();
 */
export class RedisEventStore extends EventStore {
  readonly name = 'redis';
  readonly checkpoints: RedisCheckpoints;
  readonly snapshots: RedisSnapshots;
  readonly #options: ResolvedStoreOptions;
  readonly #logger = new Logger(USER);
  readonly #keys: StoreKeys;
  readonly #connection: RedisConnection;
  readonly #timed: TimedCalls;
  readonly #calls: Calls;
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #announcements: Announcements;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} for an option that cannot work. Connects on first use, not here. */
  constructor(options: RedisEventStoreOptions) {
    super();
    this.#options = resolveStoreOptions(options);
    const { connection, namespace, timeoutMs } = this.#options;
    this.#keys = new StoreKeys(namespace);
    this.#connection = new RedisConnection(connection, USER, (error) => this.#warn(error));
    this.#timed = new TimedCalls(this.#connection, timeoutMs, USER);
    this.#calls = new Calls(this.#connection, timeoutMs);
    this.#appender = new Appender(this.#connection, this.#timed, this.#keys);
    this.#reader = new Reader(this.#calls, this.#keys);
    this.#announcements = new Announcements(this.#connection, this.#keys.channel, (error) =>
      this.#warn(error),
    );
    this.checkpoints = new RedisCheckpoints(this.#calls, this.#keys);
    this.snapshots = new RedisSnapshots(this.#calls, this.#keys);
  }

  /** Connects. Warns when the server may evict keys, or keeps nothing on disk. */
  override open(): Promise<void> {
    return (this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    }));
  }

  /**
   * As {@link EventStore.appendBatch}. Calls of one turn of the event loop share a round trip.
   *
   * @throws {EventPublishError} when Redis refused it, or did not confirm it within `timeoutMs`: then it may be stored,
   *   and may be appended again.
   * @throws {EventConfigurationError} when it has more than 10,000 events.
   */
  async appendBatch(events: readonly Event[], options: AppendOptions = {}): Promise<AppendResult[]> {
    return this.#appender.append(events, options);
  }

  async settle(ids: readonly string[], publication: Publication, error?: string): Promise<void> {
    const { log, ids: positions, publication: states, unsettled } = this.#keys;
    const text = publicationText(publication, error);
    for (let i = 0; i < ids.length; i += MAX_SETTLED) {
      const args = [publication, text, ...ids.slice(i, i + MAX_SETTLED)];
      await this.#calls.run(SETTLE, [log, positions, states, unsettled], args);
    }
  }

  count(criteria: EventCriteria = {}): Promise<number> {
    return this.#reader.count(criteria);
  }

  page(options: LoadOptions & { readonly limit: number }): Promise<StoredEvent[]> {
    return this.#reader.page(options);
  }

  streamPage(streamId: string, fromVersion: number, limit: number): Promise<StoredEvent[]> {
    return this.#reader.streamPage(streamId, fromVersion, limit);
  }

  head(): Promise<string | undefined> {
    return this.#reader.head();
  }

  /** By a channel of Redis, over one connection more while anybody listens. */
  override onAppended(listener: () => void): () => void {
    return this.#announcements.listen(listener);
  }

  override close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #open(): Promise<void> {
    const { timeoutMs } = this.#options;
    await inTime(timeoutMs, this.#connection.ready());
    for (const problemOf of [evictionProblem, durabilityProblem]) {
      const problem = await inTime(timeoutMs, problemOf(this.#connection));
      if (problem !== undefined) this.#warn(problem);
    }
  }

  async #close(): Promise<void> {
    await super.close();
    if (this.#connection.usable) await within(FLUSH_MS, this.#appender.flushed());
    this.#timed.close();
    this.#calls.close();
    this.#announcements.close();
    await this.#connection.close();
  }

  #warn(error: Error): void {
    this.#logger.warn(error.message);
  }
}
