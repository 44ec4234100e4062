import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { EventBusClosedError, EventConfigurationError } from '../../errors.js';
import { DEFAULT_SOURCE, type Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type {
  BackendHealth,
  BackendHost,
  Delivery,
  DrainRequest,
  EventBackend,
  EventDispatcher,
  PublishEntry,
  PublishOptions,
} from '../backend.js';
import { envelopeOf, fieldsOf } from './codec.js';
import { RedisConnection } from './connection.js';
import { RedisDeadLetterStore } from './dead-letters.js';
import { readGauges } from './gauges.js';
import { keysOf, sharedKeysOf, type Keys } from './keys.js';
import { resolveOptions, type RedisStreamsOptions, type ResolvedOptions } from './options.js';
import { Publisher } from './publisher.js';
import { Subscription } from './subscription.js';
import { abortion, inTime, within } from './waiting.js';

const STATUS_TIMEOUT_MS = 2000;
const IDLE_POLL_MS = 20;
/** How long `close()` waits for what Redis has not confirmed yet. */
const FLUSH_MS = 2000;

/**
 * Events in a Redis stream, with one consumer group per service. Every service gets every event; the processes of a
 * service share them. Redis 6.2 or newer.
 *
 * @example
 * EventsModule.forRoot(new RedisStreamsBackend({ connection: 'redis://localhost:6379', group: 'orders' }))
 */
export class RedisStreamsBackend implements EventBackend {
  readonly name = 'redis-streams';
  readonly capabilities = {
    durable: true,
    delay: true,
    broadcast: true,
    redelivery: true,
    shared: true,
  } as const;
  /** Dead letters of this group. */
  readonly deadLetters: RedisDeadLetterStore;
  readonly #options: ResolvedOptions;
  readonly #connection: RedisConnection;
  readonly #publisher: Publisher;
  #host: BackendHost | undefined;
  #subscription: Subscription | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: RedisStreamsOptions) {
    this.#options = resolveOptions(options);
    this.#connection = new RedisConnection(this.#options.connection, (error) => this.#report(error));
    const { stream } = sharedKeysOf(this.#options.namespace);
    this.#publisher = new Publisher(this.#connection, stream, this.#options.publishTimeoutMs);
    this.deadLetters = new RedisDeadLetterStore(
      this.#connection,
      () => this.#keys(),
      this.#options.publishTimeoutMs,
    );
  }

  attach(host: BackendHost): void {
    this.#host = host;
  }

  /**
   * Appends the event. Concurrent calls share a round trip.
   *
   * @throws {EventPublishError} when Redis did not confirm it within `publishTimeoutMs`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  publish(event: Event, options?: PublishOptions): Promise<void> {
    // No async function: this is the hottest path, and each costs another promise.
    try {
      const wire = encodeEvent(event);
      const delayMs = options?.delayMs ?? 0;
      return delayMs > 0 ? this.#schedule(event.id, wire, delayMs) : this.#publisher.publish(wire);
    } catch (error) {
      return rejected(error);
    }
  }

  async publishBatch(entries: readonly PublishEntry[]): Promise<(Error | undefined)[]> {
    const results = await Promise.allSettled(
      entries.map(({ event, options }) => this.publish(event, options)),
    );
    return results.map((result) => (result.status === 'rejected' ? (result.reason as Error) : undefined));
  }

  /** Puts a delivery for one handler of this group into its retry stream. */
  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    const fields = fieldsOf(encodeEvent(event), envelopeOf(delivery));
    await this.#publisher.bounded((client) => client.xadd(this.#keys().retry, '*', ...fields), 1);
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    if (this.#closing)
      throw new EventBusClosedError('RedisStreamsBackend is closed. Make a new one to subscribe.');
    if (this.#subscription) {
      throw new EventConfigurationError(
        'RedisStreamsBackend has a subscriber already. Use one backend per bus.',
      );
    }
    this.#warnOfSharedName();
    const subscription = new Subscription({
      options: this.#options,
      connection: this.#connection,
      keys: this.#keys(),
      member: { group: this.#group(), consumer: `${hostname()}:${process.pid}:${randomUUID()}` },
      deadLetters: this.deadLetters,
      broadcast: this.#host?.hasBroadcastHandlers() ?? false,
      dispatch,
      report: (error) => this.#report(error),
    });
    this.#subscription = subscription;
    try {
      await subscription.start();
    } catch (error) {
      this.#subscription = undefined;
      throw error;
    }
  }

  async drain({ signal }: DrainRequest): Promise<void> {
    await this.#subscription?.drain(signal);
  }

  /** Nothing runs here, and the group has neither unread nor pending events, nor retries on its schedule. */
  async idle(signal: AbortSignal): Promise<void> {
    const aborted = abortion(signal).then(() => signal.throwIfAborted());
    while (!(await Promise.race([this.#isIdle(), aborted])))
      await setTimeout(IDLE_POLL_MS, undefined, { signal });
  }

  async health(): Promise<BackendHealth> {
    const startedAt = performance.now();
    try {
      await inTime(
        STATUS_TIMEOUT_MS,
        this.#connection.open().then((client) => client.ping()),
      );
    } catch (error) {
      return { status: 'down', details: { error: (error as Error).message } };
    }
    const latencyMs = Math.round((performance.now() - startedAt) * 10) / 10;
    const consuming = this.#subscription?.connected;
    return { status: consuming === false ? 'degraded' : 'up', details: { latencyMs, consuming } };
  }

  /** What is in {@link Gauges}, for the group; and of this process `inFlight`, `buffered`, `lost` and `stale`. */
  async stats(): Promise<Readonly<Record<string, number>>> {
    const gauges = await inTime(STATUS_TIMEOUT_MS, readGauges(this.#connection, this.#keys(), this.#group()));
    return { ...gauges, ...this.#subscription?.counters() };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #schedule(id: string, wire: string, delayMs: number): Promise<void> {
    const { schedule, scheduled } = sharedKeysOf(this.#options.namespace);
    await this.#publisher.schedule([schedule, scheduled], id, delayMs, wire);
    this.#subscription?.expectDue(delayMs);
  }

  async #close(): Promise<void> {
    await this.#subscription?.drain(AbortSignal.abort());
    if (this.#connection.usable) await within(FLUSH_MS, this.#publisher.flush());
    this.#publisher.close();
    await this.#subscription?.close();
    await this.#connection.close();
  }

  async #isIdle(): Promise<boolean> {
    if (this.#publisher.unconfirmed || this.#subscription?.busy) return false;
    const gauges = await readGauges(this.#connection, this.#keys(), this.#group());
    const waiting = gauges.queued + gauges.pending + gauges.scheduled + gauges.delayedDue;
    return waiting === 0 && !this.#publisher.unconfirmed && !this.#subscription?.busy;
  }

  #group(): string {
    const group = this.#options.group ?? this.#host?.source;
    if (group) return group;
    throw new EventConfigurationError(
      "RedisStreamsBackend needs a 'group'. Set it to the name of your service, or set the module's 'source'.",
    );
  }

  /** Two services of one name would take each other's events, and acknowledge those they have no handler for. */
  #warnOfSharedName(): void {
    if (this.#options.group !== undefined || this.#host?.source !== DEFAULT_SOURCE) return;
    this.#report(
      new EventConfigurationError(
        `RedisStreamsBackend consumes as group '${DEFAULT_SOURCE}', the name of every service that has none. Set 'group', or the module's 'source', to the name of this service.`,
      ),
    );
  }

  #keys(): Keys {
    return keysOf(this.#options.namespace, this.#group());
  }

  /** Without a bus, as in a script, a warning of the process is what is left. */
  #report(error: Error): void {
    if (this.#host) this.#host.report(error);
    else process.emitWarning(error.message, { type: error.name, detail: error.stack });
  }
}

async function rejected(error: unknown): Promise<never> {
  throw error;
}
