import { idOf, type KafkaClient } from '../../clients/kafka/client.js';
import { brokersOf, connectionOf, isClient } from '../../clients/kafka/connection-option.js';
import { PlatformaticClient } from '../../clients/kafka/platformatic/platformatic-client.js';
import { inTime, within } from '../../clients/in-time.js';
import type { Event } from '../../event.js';
import { pause } from '../../timer.js';
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
  HandlerRetry,
  PublishEntry,
  PublishOptions,
  PublishReceipt,
} from '../backend.js';
import { ItsBus } from '../shared/its-bus.js';
import { Opening } from '../shared/opening.js';
import { Periodic } from '../shared/periodic.js';
import { notStored, publishEach, rejected } from '../shared/publishing.js';
import { healthOf, STATUS_TIMEOUT_MS, untilQuiet } from '../shared/status.js';
import { Consumer } from './consumer.js';
import { Envelopes } from './envelopes.js';
import { type Figures, figuresOf } from './figures.js';
import { KafkaDeadLetters } from './kafka-dead-letters.js';
import { LetterLog } from './letter-log.js';
import { establish } from './link.js';
import { Mover } from './mover.js';
import { Names } from './names.js';
import { type KafkaOptions, resolveOptions, type ResolvedOptions, USER } from './options.js';
import { Publisher } from './publisher.js';
import { Topology } from './topology.js';

const IDLE_POLL_MS = 20;
const UPKEEP_MS = 60_000;
/** How long `close()` waits for what is not confirmed yet. */
const FLUSH_MS = 2000;

/**
 * Events in topics of Apache Kafka. Every service is a consumer group; its processes share the partitions.
 *
 * @example
 * EventsModule.forRoot(new KafkaBackend({ connection: 'localhost:9092', group: 'orders' }))
 */
export class KafkaBackend implements EventBackend {
  readonly name = 'kafka';
  readonly capabilities: BackendCapabilities;
  /** Dead letters of this group. */
  readonly deadLetters: KafkaDeadLetters;
  readonly #options: ResolvedOptions;
  readonly #bus: ItsBus;
  readonly #names: Names;
  readonly #client: KafkaClient;
  readonly #topology: Topology;
  readonly #envelopes: Envelopes;
  readonly #publisher: Publisher;
  readonly #upkeep: Periodic;
  readonly #stop = new AbortController();
  readonly #opening = new Opening(() => this.#open());
  #ready = false;
  #letters: LetterLog | undefined;
  #needsGroup = false;
  #subscribed = false;
  #consumer: Consumer | undefined;
  #mover: Mover | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: KafkaOptions) {
    this.#options = resolveOptions(options);
    const { connection, namespace, group, topics, maxEventBytes, leaseMs, maxDeliveries } = this.#options;
    this.capabilities = {
      durable: true,
      delay: true,
      ordering: true,
      redelivery: true,
      shared: true,
      maxEventBytes,
      redeliveryHorizonMs: 2 * leaseMs * maxDeliveries,
    };
    this.#bus = new ItsBus(USER, group);
    this.#names = new Names(namespace, topics, USER);
    if (group !== undefined) this.#names.retry(group); // has to be a legal name
    this.#client = isClient(connection) ? connection : new PlatformaticClient(connectionOf(connection, USER));
    const consumes = () => (this.#needsGroup || this.#bus.consumes ? this.#bus.group : undefined);
    this.#topology = new Topology(this.#client, this.#names, this.#options, consumes);
    this.#envelopes = new Envelopes(this.#names, (topic) => this.#topology.partitions(topic));
    this.#publisher = new Publisher(
      this.#client,
      this.#options.publishTimeoutMs,
      () => this.#envelopes.begin(),
      () => this.#topology.ensure(),
    );
    this.deadLetters = new KafkaDeadLetters(() => this.#letterLog());
    this.#upkeep = new Periodic(
      () => this.#keepUp(),
      UPKEEP_MS,
      (error) => this.#bus.report(error),
    );
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Stores the event for every service, with all replicas in sync. Many calls may be under way; each is confirmed by itself.
   *
   * @throws {EventPublishError} when Kafka refused it, or did not confirm it within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  publish(event: Event, options?: PublishOptions): Promise<void> {
    // No async function: this is the hottest path, and each costs another promise.
    if (this.#closing !== undefined) return rejected(this.#bus.closed());
    try {
      const wire = encodeEvent(event);
      assertEventSize(event, wire, this.#options.maxEventBytes, `option 'maxEventBytes' of ${USER}`);
      if (!this.#ready) return this.#publishFirst(event, wire, options);
      return this.#publisher.store(this.#envelopes.event(event, wire, options));
    } catch (error) {
      return rejected(error);
    }
  }

  publishBatch(entries: readonly PublishEntry[]): Promise<(Error | PublishReceipt | void)[]> {
    return publishEach(entries, (event, options) => this.publish(event, options));
  }

  /** Stores a retry for one handler of this group. */
  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    if (this.#closing !== undefined) throw this.#bus.closed();
    await this.#opening.get();
    await this.#ensureGroup();
    await this.#publisher.store(this.#envelopes.retry(this.#bus.group, event, delivery, 0));
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    if (this.#closing !== undefined) throw this.#bus.closed();
    if (this.#subscribed) throw this.#bus.taken();
    this.#subscribed = true;
    try {
      await this.#opening.get();
      await this.#ensureGroup();
      if (this.#closing !== undefined) throw this.#bus.closed();
      await this.#begin(
        this.#consumerFor(dispatch),
        new Mover({ ...this.#context(), envelopes: this.#envelopes }),
      );
    } catch (error) {
      this.#subscribed = false;
      throw error;
    }
    this.#bus.warnOfSharedName();
    this.#upkeep.poke(Math.random() * UPKEEP_MS);
  }

  async drain({ signal }: DrainRequest): Promise<DrainResult> {
    const [released] = await Promise.all([this.#consumer?.drain(signal), this.#mover?.stop()]);
    return { released: released ?? 0 };
  }

  /** Nothing runs here, and the group has nothing that waits, runs or is due later. */
  async idle(signal: AbortSignal): Promise<void> {
    await untilQuiet(signal, IDLE_POLL_MS, async () => {
      if (this.#busy) return false;
      const { queued, scheduled, retries } = await this.#figures();
      return queued + scheduled + retries === 0 && !this.#busy;
    });
  }

  health(): Promise<BackendHealth> {
    const consuming = () =>
      this.#consumer === undefined ? undefined : this.#consumer.consuming && this.#mover?.well === true;
    return healthOf(
      'Kafka',
      async () => {
        await this.#client.open();
      },
      consuming,
    );
  }

  /**
   * Of the group: `queued` events that are not done, `retries` of them that wait or run, `scheduled` events of the
   * namespace whose time has not come, and `deadLetters`. Of this process: `inFlight`, `buffered`, `waiting`, `stale`,
   * `partitions`, `unconfirmed` and `connected`.
   */
  async stats(): Promise<Readonly<Record<string, number>>> {
    const figures = Promise.all([this.#figures(), this.deadLetters.size()]);
    const [ofGroup, deadLetters] = await inTime('Kafka', STATUS_TIMEOUT_MS, figures);
    return {
      ...ofGroup,
      deadLetters,
      ...this.#consumer?.counters(),
      unconfirmed: this.#publisher.size,
      connected: this.#client.connected ? 1 : 0,
    };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.drain({ signal: AbortSignal.abort(), final: true });
    this.#stop.abort();
    if (this.#client.connected) await within(FLUSH_MS, this.#flushed());
    this.#consumer?.close();
    await within(FLUSH_MS, this.#upkeep.stop());
    if (!isClient(this.#options.connection)) await this.#client.close();
  }

  async #flushed(): Promise<void> {
    const deadline = performance.now() + FLUSH_MS;
    const signal = new AbortController().signal;
    while (this.#publisher.size > 0 && performance.now() < deadline) await pause(5, signal);
  }

  async #open(): Promise<void> {
    const { connection, connectTimeoutMs } = this.#options;
    const where = isClient(connection) ? 'the given client' : brokersOf(connectionOf(connection, USER));
    const ensure = () => this.#topology.ensure();
    const report = (error: Error) => this.#bus.report(error);
    await establish(this.#client, ensure, where, connectTimeoutMs, this.#stop.signal, report);
    this.#ready = true;
  }

  /** Both, or neither: what goes on by itself would keep partitions from whoever begins next. */
  async #begin(consumer: Consumer, mover: Mover): Promise<void> {
    this.#consumer = consumer;
    this.#mover = mover;
    const starting = [consumer.start(), mover.start()];
    try {
      await Promise.all(starting);
    } catch (error) {
      await Promise.allSettled(starting);
      await Promise.all([consumer.drain(AbortSignal.abort()), mover.stop()]);
      consumer.close();
      this.#consumer = this.#mover = undefined;
      throw error;
    }
  }

  /** What was opened for publishing alone has no topics of the group yet. */
  async #ensureGroup(): Promise<void> {
    const group = this.#bus.group;
    if (this.#topology.knows(this.#names.retry(group))) return;
    this.#needsGroup = true;
    await this.#topology.ensure();
  }

  async #publishFirst(event: Event, wire: string, options?: PublishOptions): Promise<void> {
    try {
      await this.#opening.get();
    } catch (cause) {
      throw notStored(USER, cause);
    }
    return this.#publisher.store(this.#envelopes.event(event, wire, options));
  }

  #context() {
    const { leaseMs, publishTimeoutMs } = this.#options;
    return {
      client: this.#client,
      names: this.#names,
      leaseMs,
      publishTimeoutMs,
      ensure: () => this.#topology.ensure(),
      report: (error: Error) => this.#bus.report(error),
    };
  }

  #consumerFor(dispatch: EventDispatcher): Consumer {
    const { concurrency, maxDeliveries, startFrom } = this.#options;
    return new Consumer({
      ...this.#context(),
      group: this.#bus.group,
      concurrency,
      maxDeliveries,
      startFrom,
      onKeyFailure: this.#bus.onKeyFailure,
      deadLetters: this.#bus.deadLetters ?? this.deadLetters,
      dispatch,
      retry: (event, retry) => this.#retry(event, retry),
      deadLettered: (entry, error) => this.#bus.deadLettered(entry, error),
    });
  }

  #retry(event: Event, retry: HandlerRetry): Promise<void> {
    return this.#publisher.store(this.#envelopes.retry(this.#bus.group, event, retry, retry.delayMs));
  }

  async #letterLog(): Promise<LetterLog> {
    await this.#opening.get();
    await this.#ensureGroup();
    const { publishTimeoutMs } = this.#options;
    return (this.#letters ??= new LetterLog(
      this.#client,
      this.#names.dead(this.#bus.group),
      publishTimeoutMs,
      (error) => this.#bus.report(error),
    ));
  }

  get #busy(): boolean {
    return this.#consumer?.busy === true || this.#publisher.size > 0;
  }

  async #figures(): Promise<Figures> {
    await this.#opening.get();
    await this.#ensureGroup();
    return figuresOf(this.#client, this.#names, this.#bus.group, (topic) => this.#topology.partitions(topic));
  }

  /** Retries that every process is done with are of no use to anybody. */
  async #keepUp(): Promise<number> {
    const topic = this.#names.retry(this.#bus.group);
    const partitions = Array.from({ length: this.#topology.partitions(topic) }, (_, partition) => ({
      topic,
      partition,
    }));
    const committed = await this.#client.committed(this.#names.group(this.#bus.group), partitions);
    await this.#client.trim(
      partitions.flatMap((each) => {
        const offset = committed.get(idOf(each))?.offset ?? 0n;
        return offset > 0n ? [{ ...each, offset }] : [];
      }),
    );
    return UPKEEP_MS;
  }
}
