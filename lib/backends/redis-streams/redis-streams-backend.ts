import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { within } from '../../clients/in-time.js';
import { RedisConnection } from '../../clients/redis/connection.js';
import { TimedCalls } from '../../clients/redis/timed-calls.js';
import { inTime } from '../../clients/redis/waiting.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { assertEventSize } from '../../wire/event-size.js';
import type {
  BackendCapabilities,
  BackendHealth,
  BackendHost,
  Delivery,
  DrainRequest,
  DrainResult,
  EventBackend,
  EventDispatcher,
  PublishEntry,
  PublishOptions,
  PublishReceipt,
} from '../backend.js';
import { ItsBus } from '../shared/its-bus.js';
import { publishEach, rejected } from '../shared/publishing.js';
import { healthOf, STATUS_TIMEOUT_MS, untilQuiet } from '../shared/status.js';
import { readGauges, type Gauges } from './gauges.js';
import { keysOf, type Keys } from './keys.js';
import { resolveOptions, type RedisStreamsOptions, type ResolvedOptions, USER } from './options.js';
import { Placement } from './placement.js';
import { redeliveryFields } from './redelivery.js';
import { StreamDeadLetters } from './stream-dead-letters.js';
import { Subscription } from './subscription.js';

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
  readonly capabilities: BackendCapabilities;
  /** Dead letters of this group. */
  readonly deadLetters: StreamDeadLetters;
  readonly #options: ResolvedOptions;
  readonly #bus: ItsBus;
  readonly #connection: RedisConnection;
  readonly #calls: TimedCalls;
  readonly #placement: Placement;
  #subscription: Subscription | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: RedisStreamsOptions) {
    this.#options = resolveOptions(options);
    const { connection, group, publishTimeoutMs, deduplicationMs, maxEventBytes } = this.#options;
    const { leaseMs, maxDeliveries } = this.#options;
    this.capabilities = {
      durable: true,
      delay: true,
      ordering: true,
      broadcast: true,
      redelivery: true,
      shared: true,
      dedup: deduplicationMs > 0,
      maxEventBytes,
      redeliveryHorizonMs: leaseMs * maxDeliveries,
    };
    this.#bus = new ItsBus(USER, group);
    this.#connection = new RedisConnection(connection, USER, (error) => this.#bus.report(error));
    this.#calls = new TimedCalls(this.#connection, publishTimeoutMs, USER);
    this.#placement = new Placement(this.#connection, this.#calls, this.#options, (delayMs) =>
      this.#subscription?.expectDue(delayMs),
    );
    this.deadLetters = new StreamDeadLetters(this.#connection, () => this.#keys(), publishTimeoutMs);
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Appends the event. Concurrent calls share a round trip.
   *
   * @throws {EventPublishError} when Redis refused it, or did not confirm it within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    // No async function: this is the hottest path, and each costs another promise.
    try {
      const wire = encodeEvent(event);
      assertEventSize(event, wire, this.#options.maxEventBytes, `option 'maxEventBytes' of ${USER}`);
      return this.#placement.put(event, wire, options);
    } catch (error) {
      return rejected(error);
    }
  }

  publishBatch(entries: readonly PublishEntry[]): Promise<(Error | PublishReceipt | void)[]> {
    return publishEach(entries, (event, options) => this.publish(event, options));
  }

  /**
   * Takes back a delayed event: one whose id was made here, or one with an id of the emitter's own and the module's
   * `source`. Another service's event of the same id is left alone.
   *
   * @throws {EventPublishError} when Redis does not answer: the event may or may not have been taken back.
   */
  cancel(eventId: string): Promise<boolean> {
    return this.#placement.cancel(eventId, this.#bus.source);
  }

  /** Puts a delivery for one handler of this group into its retry stream. */
  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    const fields = redeliveryFields(event, delivery);
    await this.#calls.run((client) => client.xadd(this.#keys().retry, '*', ...fields), 'the delivery');
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    const bus = this.#bus;
    if (this.#closing !== undefined) throw bus.closed('Make a new one to subscribe.');
    if (this.#subscription !== undefined) throw bus.taken();
    bus.warnOfSharedName();
    const subscription = new Subscription({
      options: this.#options,
      connection: this.#connection,
      keys: this.#keys(),
      member: { group: bus.group, consumer: `${hostname()}:${process.pid}:${randomUUID()}` },
      deadLetters: this.deadLetters,
      store: bus.deadLetters,
      broadcast: bus.hasBroadcastHandlers,
      shardNumber: this.#placement.shardNumber,
      onKeyFailure: bus.onKeyFailure,
      listener: bus.host,
      dispatch,
      report: (error) => bus.report(error),
      deadLettered: (entry, error) => bus.deadLettered(entry, error),
    });
    this.#subscription = subscription;
    try {
      await subscription.start();
    } catch (error) {
      this.#subscription = undefined;
      throw error;
    }
  }

  async drain({ signal }: DrainRequest): Promise<DrainResult> {
    return { released: (await this.#subscription?.drain(signal)) ?? 0 };
  }

  /** Nothing runs here, and the group has neither unread nor pending events, nor retries on its schedule. */
  idle(signal: AbortSignal): Promise<void> {
    return untilQuiet(signal, IDLE_POLL_MS, () => this.#isIdle());
  }

  health(): Promise<BackendHealth> {
    return healthOf(
      'Redis',
      async () => void (await (await this.#connection.open()).ping()),
      () => this.#subscription?.connected,
    );
  }

  /** What is in {@link Gauges}, for the group; and of this process `inFlight`, `buffered`, `lost`, `stale`, `shards` and `ordered`. */
  async stats(): Promise<Readonly<Record<string, number>>> {
    const gauges = await inTime(STATUS_TIMEOUT_MS, this.#gauges());
    return { ...gauges, ...this.#subscription?.counters() };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#subscription?.drain(AbortSignal.abort());
    if (this.#connection.usable) await within(FLUSH_MS, this.#placement.flush());
    this.#calls.close();
    await this.#subscription?.close();
    await this.#connection.close();
  }

  async #isIdle(): Promise<boolean> {
    if (this.#placement.unconfirmed || this.#subscription?.busy) return false;
    const gauges = await this.#gauges();
    const waiting = gauges.queued + gauges.pending + gauges.scheduled + gauges.delayedDue;
    return waiting === 0 && !this.#placement.unconfirmed && !this.#subscription?.busy;
  }

  #gauges(): Promise<Gauges> {
    return readGauges(this.#connection, this.#keys(), this.#placement.shardStreams, this.#bus.group);
  }

  #keys(): Keys {
    return keysOf(this.#options.namespace, this.#bus.group);
  }
}
