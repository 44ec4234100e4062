import { checkTimeout, ServiceName } from '../../clients/options.js';
import { RedisConnection, type RedisConnectionOption } from '../../clients/redis/connection.js';
import { checkNamespace } from '../../clients/redis/namespace.js';
import { inTime } from '../../clients/redis/waiting.js';
import { deadLetterKeysOf } from './codec.js';
import { RedisDeadLetters } from './redis-dead-letters.js';

/** Options of {@link RedisDeadLetterStore}. */
export interface RedisDeadLetterOptions {
  /** A URL, ioredis options, or a `Redis` or `Cluster` of yours. Only what the store opened is closed by it. */
  connection: RedisConnectionOption;
  /** First part of every key, as `{namespace}:...`. Default `events`. */
  namespace?: string;
  /** Name of the service whose dead letters these are. Default: the module's `source`. */
  group?: string;
  /** Milliseconds until a call that Redis does not answer rejects. Default 10,000. */
  timeoutMs?: number;
}

const USER = 'RedisDeadLetterStore';

/**
 * Dead letters in Redis, for any backend. Needs the package `ioredis`. Dead entries stay until somebody acts on them;
 * of those that are resolved or discarded the latest 1,000 stay. The keys are those in which the Redis Streams backend
 * keeps its own.
 *
 * @example
 * EventsModule.forRoot({ backend, deadLetters: new RedisDeadLetterStore({ connection: process.env.REDIS_URL }) });
 */
export class RedisDeadLetterStore extends RedisDeadLetters {
  readonly #connection: RedisConnection;
  readonly #service: ServiceName;
  readonly #timeoutMs: number;

  /** @throws {EventConfigurationError} for an option that cannot work. */
  constructor({ connection, namespace = 'events', group, timeoutMs = 10_000 }: RedisDeadLetterOptions) {
    const service = new ServiceName(group, USER);
    // Whoever calls is told that Redis does not answer.
    const client = new RedisConnection(connection, USER, () => undefined);
    checkNamespace(namespace, USER);
    checkTimeout('timeoutMs', timeoutMs, USER);
    super(client, () => deadLetterKeysOf(namespace, service.name), timeoutMs);
    this.#connection = client;
    this.#service = service;
    this.#timeoutMs = timeoutMs;
  }

  /** Connects. */
  async open(service: string): Promise<void> {
    this.#service.default(service);
    await inTime(this.#timeoutMs, this.#connection.ready());
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
