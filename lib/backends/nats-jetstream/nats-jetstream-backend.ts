import { NatsClient } from '../../clients/nats/connection.js';
import { inTime, within } from '../../clients/in-time.js';
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
import { Opening } from '../shared/opening.js';
import { Periodic } from '../shared/periodic.js';
import { publishEach, rejected } from '../shared/publishing.js';
import { healthOf, STATUS_TIMEOUT_MS, untilQuiet } from '../shared/status.js';
import { readFigures } from './figures.js';
import { JetStreamDeadLetters } from './jetstream-dead-letters.js';
import { explained, type Link, openLink } from './link.js';
import { Names } from './names.js';
import { type NatsJetStreamOptions, resolveOptions, type ResolvedOptions, USER } from './options.js';
import { Placement } from './placement.js';
import { Subscription } from './subscription.js';
import { Trimmer } from './trimmer.js';

const MAX_EVENT_BYTES = `option 'maxEventBytes' of ${USER}`;
const IDLE_POLL_MS = 25;
const UPKEEP_MS = 60_000;
/** How long `close()` waits for what the server has not confirmed yet. */
const FLUSH_MS = 2000;
const FLUSH_POLL_MS = 5;

/**
 * Events in a stream of NATS JetStream. Every service has a durable consumer of it; its processes share what it brings.
 *
 * @example
 * EventsModule.forRoot(new NatsJetStreamBackend({ connection: 'nats://localhost:4222', group: 'orders' }))
 */
export class NatsJetStreamBackend implements EventBackend {
  readonly name = 'nats-jetstream';
  readonly capabilities: BackendCapabilities;
  /** Dead letters of this group. */
  readonly deadLetters: JetStreamDeadLetters;
  readonly #options: ResolvedOptions;
  readonly #bus: ItsBus;
  readonly #names: Names;
  readonly #client: NatsClient;
  readonly #opening = new Opening(() => this.#openLink());
  readonly #placement: Placement;
  readonly #upkeep: Periodic;
  #link: Link | undefined;
  #subscribing = false;
  #subscription: Subscription | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: NatsJetStreamOptions) {
    this.#options = resolveOptions(options);
    const { connection, namespace, group, connectTimeoutMs, maxEventBytes } = this.#options;
    const { leaseMs, maxDeliveries } = this.#options;
    this.capabilities = {
      durable: true,
      delay: true,
      broadcast: true,
      redelivery: true,
      shared: true,
      dedup: true,
      maxEventBytes,
      redeliveryHorizonMs: 2 * leaseMs * maxDeliveries,
    };
    const bus = (this.#bus = new ItsBus(USER, group));
    const report = (error: Error) => bus.report(error);
    const link = () => this.#opening.get();
    this.#names = new Names(namespace);
    this.#client = new NatsClient(connection, USER, connectTimeoutMs, report);
    this.#client.onReconnect = () => {
      this.#link?.requests.resend();
      this.#subscription?.reconnected();
    };
    this.#placement = new Placement(link, () => this.#link, this.#names);
    this.deadLetters = new JetStreamDeadLetters(link, this.#names, () => bus.group);
    this.#upkeep = new Periodic(() => this.#keepUp(), UPKEEP_MS, report);
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Stores the event for every service. Many calls may be under way; each is confirmed by itself.
   *
   * @throws {EventPublishError} when JetStream refused it, or did not confirm it within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    // No async function: this is the hottest path, and each costs another promise.
    try {
      this.#assertOpen();
      const wire = encodeEvent(event);
      assertEventSize(event, wire, this.#options.maxEventBytes, MAX_EVENT_BYTES);
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
   * `source`. One that is due within 50 milliseconds is left alone.
   *
   * @throws {EventPublishError} when the server answers too late to tell whether it was delivered before.
   */
  async cancel(eventId: string): Promise<boolean> {
    this.#assertOpen();
    return this.#placement.cancel(eventId, this.#bus.source);
  }

  /** Stores a retry for one handler of this group. */
  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    this.#assertOpen();
    await this.#placement.redeliver(this.#bus.group, event, delivery);
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    const bus = this.#bus;
    this.#assertOpen();
    if (this.#subscribing) throw bus.taken();
    bus.warnOfSharedName();
    this.#subscribing = true;
    try {
      const link = await this.#opening.get();
      await link.topology.ensure().catch((error: unknown) => Promise.reject(explained(error)));
      this.#assertOpen();
      this.#subscription = new Subscription({
        link,
        connected: () => this.#client.connected,
        options: this.#options,
        names: this.#names,
        group: bus.group,
        broadcast: bus.hasBroadcastHandlers,
        placement: this.#placement,
        deadLetters: bus.deadLetters ?? this.deadLetters,
        dispatch,
        report: (error) => bus.report(error),
        deadLettered: (entry, error) => bus.deadLettered(entry, error),
      });
      await this.#subscription.start();
    } catch (error) {
      this.#subscribing = false;
      this.#subscription = undefined;
      throw error;
    }
    this.#upkeep.poke(Math.random() * UPKEEP_MS);
  }

  async drain({ signal }: DrainRequest): Promise<DrainResult> {
    return { released: (await this.#subscription?.drain(signal)) ?? 0 };
  }

  /** Nothing runs here, and the group has no message that waits, runs or is due later. */
  idle(signal: AbortSignal): Promise<void> {
    return untilQuiet(signal, IDLE_POLL_MS, async () => {
      if (this.#busy) return false;
      const { queued, pending, scheduled } = await this.#figures();
      return queued + pending + scheduled === 0 && !this.#busy;
    });
  }

  async health(): Promise<BackendHealth> {
    if (this.#link !== undefined && !this.#client.connected)
      return { status: 'down', details: { error: 'not connected' } };
    return healthOf(
      'NATS',
      async () => {
        const { nc, topology } = await this.#opening.get();
        const { storage, num_replicas: replicas } = (await topology.info()).config;
        return { server: nc.info?.version, storage, replicas };
      },
      () => this.#subscription?.consuming,
    );
  }

  /**
   * Of the group: `queued` events that wait, `pending` that processes have, `scheduled` ones and retries, `oldestMs` the
   * age of the oldest that is still stored, and `deadLetters`. Of the stream: `stored` messages. Of this process:
   * `inFlight`, `buffered`, `stale`, `unconfirmed` and `connected`.
   */
  async stats(): Promise<Readonly<Record<string, number>>> {
    const figures = Promise.all([this.#figures(), this.deadLetters.size()]);
    const [ofGroup, deadLetters] = await inTime('NATS', STATUS_TIMEOUT_MS, figures);
    return {
      ...ofGroup,
      deadLetters,
      ...this.#subscription?.counters(),
      unconfirmed: this.#link?.requests.size ?? 0,
      connected: this.#client.connected ? 1 : 0,
    };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#subscription?.drain(AbortSignal.abort());
    const link = this.#link;
    if (link !== undefined && this.#client.connected) {
      await untilQuiet(AbortSignal.timeout(FLUSH_MS), FLUSH_POLL_MS, () => link.requests.size === 0).catch(
        () => undefined, // what is not confirmed by now rejects below
      );
    }
    link?.publisher.stop();
    await this.#subscription?.close();
    await within(FLUSH_MS, this.#upkeep.stop());
    link?.requests.close();
    await this.#client.close();
  }

  async #openLink(): Promise<Link> {
    const consumers = () => (this.#subscribing ? this.#names.consumers(this.#bus.group) : []);
    const link = await openLink(this.#client, this.#names, this.#options, consumers);
    try {
      await link.topology.ensure();
    } catch (error) {
      link.requests.close();
      throw explained(error);
    }
    return (this.#link = link);
  }

  async #figures() {
    return readFigures(await this.#opening.get(), this.#subscribing);
  }

  get #busy(): boolean {
    return (this.#link?.requests.size ?? 0) > 0 || this.#subscription?.busy === true;
  }

  /** Trims, and looks whether somebody has changed what is set up. */
  async #keepUp(): Promise<number> {
    const link = this.#link;
    if (link !== undefined && this.#client.connected) {
      await new Trimmer(link, this.#names).trim();
      await this.deadLetters.prune();
      await link.topology.ensure();
    }
    return UPKEEP_MS * (0.75 + Math.random() / 2);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw this.#bus.closed();
  }
}
