import { abortion, within } from '../../clients/in-time.js';
import { RedisConnection } from '../../clients/redis/connection.js';
import { script } from '../../clients/redis/script.js';
import { TimedCalls } from '../../clients/redis/timed-calls.js';
import type { Event } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import { assertEventSize } from '../../wire/event-size.js';
import type {
  BackendCapabilities,
  BackendHealth,
  BackendHost,
  DrainRequest,
  DrainResult,
  EventBackend,
  EventDispatcher,
  PublishEntry,
  PublishReceipt,
} from '../backend.js';
import { Batcher } from '../../batcher.js';
import { Inbound } from '../shared/inbound.js';
import { ItsBus } from '../shared/its-bus.js';
import { publishEach, rejected } from '../shared/publishing.js';
import { healthOf, untilQuiet } from '../shared/status.js';
import { Claims } from './claims.js';
import { eventOf, Publications, type PubSubMessage, rawOf } from './message.js';
import {
  type RedisPubSubOptions,
  type ResolvedPubSubOptions,
  resolvePubSubOptions,
  USER,
} from './options.js';
import { Subscription } from './subscription.js';

const IDLE_POLL_MS = 5;
const FLUSH_MS = 2000;
/** How long interrupted handlers get to tell how far they came. */
const ABORT_GRACE_MS = 250;
/** Events of one call, so that none holds up Redis for long. */
const MAX_EVENTS = 100;

const PUBLISH = script(`
for _, event in ipairs(ARGV) do redis.call('PUBLISH', KEYS[1], event) end
`);

/**
 * Events over the channels of Redis, at most once: whoever is subscribed gets them, and nothing is kept for anybody else.
 *
 * @example
 * EventsModule.forRoot(new RedisPubSubBackend({ connection: 'redis://localhost:6379', group: 'prices' }))
 */
export class RedisPubSubBackend implements EventBackend {
  readonly name = 'redis-pubsub';
  readonly capabilities: BackendCapabilities;
  readonly #options: ResolvedPubSubOptions;
  readonly #bus: ItsBus;
  readonly #connection: RedisConnection;
  readonly #calls: TimedCalls;
  readonly #channel: string;
  readonly #publications = new Publications();
  /** Events of one turn of the event loop share a round trip. */
  readonly #sending: Batcher<string, void>;
  #subscription: Subscription | undefined;
  #inbound: Inbound<PubSubMessage> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: RedisPubSubOptions) {
    this.#options = resolvePubSubOptions(options);
    const { connection, namespace, group, publishTimeoutMs, maxEventBytes } = this.#options;
    this.capabilities = { durable: false, broadcast: true, shared: true, maxEventBytes };
    this.#bus = new ItsBus(USER, group);
    this.#channel = `{${namespace}}:live`;
    this.#connection = new RedisConnection(connection, USER, (error) => this.#bus.report(error));
    this.#calls = new TimedCalls(this.#connection, publishTimeoutMs, USER);
    this.#sending = new Batcher((wires) => this.#send(wires), MAX_EVENTS);
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Resolves when Redis has sent the event on to whoever is subscribed, be it nobody.
   *
   * @throws {EventPublishError} when Redis does not confirm it within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  publish(event: Event): Promise<void> {
    if (this.#closing !== undefined) return rejected(this.#bus.closed());
    try {
      const wire = encodeEvent(event);
      assertEventSize(event, wire, this.#options.maxEventBytes, `option 'maxEventBytes' of ${USER}`);
      return this.#sending.add(this.#publications.stamp(wire));
    } catch (error) {
      return rejected(error);
    }
  }

  publishBatch(entries: readonly PublishEntry[]): Promise<(Error | PublishReceipt | void)[]> {
    return publishEach(entries, (event) => this.publish(event));
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    if (this.#closing !== undefined) throw this.#bus.closed();
    if (this.#subscription !== undefined) throw this.#bus.taken();
    const { concurrency, maxQueued, connectTimeoutMs } = this.#options;
    const inbound = new Inbound<PubSubMessage>({
      concurrency,
      maxQueued,
      dispatch,
      read: eventOf,
      raw: rawOf,
      refuse: (event, error) => this.#bus.deadLetter(event, error),
      report: (error) => this.#bus.report(error),
      sender: 'Redis',
      advice: `Raise 'maxQueued' or 'concurrency' of ${USER}, or use RedisStreamsBackend, which asks for no more than it can handle.`,
    });
    const subscription = new Subscription({
      connection: this.#connection,
      bus: this.#bus,
      channel: this.#channel,
      claims: this.#claims(),
      inbound,
    });
    this.#inbound = inbound;
    this.#subscription = subscription;
    try {
      await subscription.start(connectTimeoutMs);
    } catch (error) {
      subscription.close();
      this.#subscription = undefined;
      throw error;
    }
  }

  async drain({ signal, final }: DrainRequest): Promise<DrainResult> {
    const subscription = this.#subscription;
    if (subscription === undefined) return { released: 0 };
    await Promise.race([final ? subscription.finish() : subscription.idle(), abortion(signal)]);
    if (!signal.aborted) return { released: 0 };
    const released = this.#inbound!.abandon();
    await within(ABORT_GRACE_MS, this.#inbound!.idle());
    return { released };
  }

  idle(signal: AbortSignal): Promise<void> {
    return untilQuiet(signal, IDLE_POLL_MS, () => !this.#sending.busy && this.#subscription?.busy !== true);
  }

  health(): Promise<BackendHealth> {
    return healthOf(
      'Redis',
      async () => void (await (await this.#connection.open()).ping()),
      () => this.#subscription?.listening,
    );
  }

  /** Of this process: `queued`, `inFlight` and `listening`. Redis itself keeps nothing to count. */
  stats(): Promise<Readonly<Record<string, number>>> {
    return Promise.resolve({
      queued: this.#inbound?.queued ?? 0,
      inFlight: this.#inbound?.running ?? 0,
      listening: this.#subscription?.listening === true ? 1 : 0,
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#connection.usable) await within(FLUSH_MS, this.#sending.flushed());
    this.#calls.close();
    this.#inbound?.abandon();
    this.#subscription?.close();
    await this.#connection.close();
  }

  #claims(): Claims | undefined {
    if (this.#options.distribution === 'fan-out') return undefined;
    this.#bus.warnOfSharedName();
    const { namespace, claimMs } = this.#options;
    return new Claims(this.#connection, this.#calls, `{${namespace}}:claim:${this.#bus.group}:`, claimMs);
  }

  async #send(wires: readonly string[]): Promise<void[]> {
    await this.#calls.run<unknown>(
      (client) =>
        wires.length === 1
          ? client.publish(this.#channel, wires[0]!)
          : this.#connection.run(PUBLISH, [this.#channel], wires),
      'the event',
    );
    return wires.map(() => undefined);
  }
}
