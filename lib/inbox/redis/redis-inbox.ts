import { checkTimeout, ServiceName } from '../../clients/options.js';
import { RedisConnection, type RedisConnectionOption } from '../../clients/redis/connection.js';
import { checkNamespace } from '../../clients/redis/namespace.js';
import type { Script } from '../../clients/redis/script.js';
import { inTime } from '../../clients/redis/waiting.js';
import type { InboxClaim, InboxKey, InboxStore } from '../inbox-store.js';
import { CLAIM, COMPLETE, HANDLED, RELEASE, RENEW } from './scripts.js';

/** Options of {@link RedisInbox}. */
export interface RedisInboxOptions {
  /** A URL, ioredis options, or a `Redis` or `Cluster` of yours. Only what the inbox opened is closed by it. */
  connection: RedisConnectionOption;
  /** First part of every key, as `{namespace}:...`. Default `events`. */
  namespace?: string;
  /** Name of the service whose handlers these are. Default: the module's `source`. */
  group?: string;
  /** Milliseconds until a call that Redis does not answer rejects. Default 10,000. */
  timeoutMs?: number;
}

const USER = 'RedisInbox';

/**
 * An inbox in Redis: one key per event and handler, which Redis removes when its time is over. Needs the package
 * `ioredis`, and a server that evicts nothing. Keys are marked after the handler: Redis has no transactions that a
 * handler's own writes to a database could be part of.
 *
 * @example
 * EventsModule.forRoot({ backend, inbox: new RedisInbox({ connection: process.env.REDIS_URL }) });
 */
export class RedisInbox implements InboxStore {
  readonly #connection: RedisConnection;
  readonly #namespace: string;
  readonly #service: ServiceName;
  readonly #timeoutMs: number;

  /** @throws {EventConfigurationError} for an option that cannot work. */
  constructor({ connection, namespace = 'events', group, timeoutMs = 10_000 }: RedisInboxOptions) {
    this.#namespace = checkNamespace(namespace, USER);
    this.#service = new ServiceName(group, USER);
    this.#timeoutMs = checkTimeout('timeoutMs', timeoutMs, USER);
    // Whoever calls is told that Redis does not answer.
    this.#connection = new RedisConnection(connection, USER, () => undefined);
  }

  /** Connects. */
  async open(service: string): Promise<void> {
    this.#service.default(service);
    await inTime(this.#timeoutMs, this.#connection.ready());
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async claim(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<InboxClaim[]> {
    const replies = await this.#run(CLAIM, keys, [heldBy(owner), whole(leaseMs)]);
    return replies.map((reply) => (reply === -1 ? 'claimed' : reply === -2 ? 'handled' : reply));
  }

  async complete(keys: readonly InboxKey[], _owner: string, retentionMs: number): Promise<void> {
    await this.#run(COMPLETE, keys, [HANDLED, whole(retentionMs)]);
  }

  async release(keys: readonly InboxKey[], owner: string): Promise<void> {
    await this.#run(RELEASE, keys, [heldBy(owner)]);
  }

  async renew(keys: readonly InboxKey[], owner: string, leaseMs: number): Promise<boolean[]> {
    const replies = await this.#run(RENEW, keys, [heldBy(owner), whole(leaseMs)]);
    return replies.map((reply) => reply === 1);
  }

  /** All keys in one script call. It replies with a number for each. */
  async #run(script: Script, keys: readonly InboxKey[], args: (string | number)[]): Promise<number[]> {
    if (keys.length === 0) return [];
    const names = keys.map((key) => this.#nameOf(key));
    return (await inTime(this.#timeoutMs, this.#connection.run(script, names, args))) as number[];
  }

  /** As JSON no two keys are one text, whatever characters they have. The braces keep them in one slot of a cluster. */
  #nameOf({ eventId, handlerId }: InboxKey): string {
    return `{${this.#namespace}}:inbox:${JSON.stringify([this.#service.name, eventId, handlerId])}`;
  }
}

/** What a key holds while it is claimed. */
function heldBy(owner: string): string {
  return `held ${owner}`;
}

/** Redis takes whole milliseconds, one at least. */
function whole(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}
