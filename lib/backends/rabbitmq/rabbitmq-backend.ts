import type { ConsumeMessage } from 'amqplib';
import { AmqpClient, closeChannel, isConnection } from '../../clients/amqp/connection.js';
import { ConfirmedSender, type Outgoing } from '../../clients/amqp/confirmed-sender.js';
import { within } from '../../clients/in-time.js';
import { EventPublishError } from '../../errors.js';
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
import { notStored, publishEach, rejected } from '../shared/publishing.js';
import { healthOf, untilQuiet } from '../shared/status.js';
import { Consumer } from './consumer.js';
import { Envelopes, published, sameAgain } from './envelopes.js';
import { Names } from './names.js';
import { type RabbitMQOptions, resolveOptions, type ResolvedOptions } from './options.js';
import { RabbitMQDeadLetters } from './rabbitmq-dead-letters.js';
import { Routes } from './routes.js';
import { Topology } from './topology.js';

const USER = 'RabbitMQBackend';
const MAX_EVENT_BYTES = `option 'maxEventBytes' of ${USER}`;
const IDLE_POLL_MS = 25;
/** How often to look for events for which there was no service. */
const UPKEEP_MS = 60_000;
const FIRST_UPKEEP_MS = 1000;
/** How long `close()` waits for what the broker has not confirmed yet. */
const FLUSH_MS = 2000;

/**
 * Events through an exchange of RabbitMQ. Every service has a quorum queue at it; its processes share what is in it.
 *
 * @example
 * EventsModule.forRoot(new RabbitMQBackend({ connection: 'amqp://localhost:5672', group: 'orders' }))
 */
export class RabbitMQBackend implements EventBackend {
  readonly name = 'rabbitmq';
  readonly capabilities: BackendCapabilities;
  /** Dead letters of this group. */
  readonly deadLetters: RabbitMQDeadLetters;
  readonly #options: ResolvedOptions;
  readonly #its: ItsBus;
  readonly #names: Names;
  readonly #envelopes: Envelopes;
  readonly #publishing: AmqpClient;
  /** Another connection: RabbitMQ reads nothing from one that publishes when its memory or its disk is full. */
  readonly #consuming: AmqpClient;
  readonly #topology: Topology;
  readonly #sender: ConfirmedSender;
  readonly #routes: Routes;
  readonly #opening = new Opening(() => this.#sender.open());
  readonly #upkeep: Periodic;
  #opened = false;
  #subscribing = false;
  /** It has put something into the queues of its group without consuming. */
  #delivering = false;
  #consumer: Consumer | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: RabbitMQOptions) {
    this.#options = resolveOptions(options);
    const { connection, namespace, group, connectTimeoutMs, publishTimeoutMs, maxEventBytes } = this.#options;
    const { leaseMs, maxDeliveries, unroutable } = this.#options;
    const report = (error: Error) => this.#its.report(error);
    this.capabilities = {
      durable: true,
      delay: true,
      redelivery: true,
      shared: true,
      maxEventBytes,
      redeliveryHorizonMs: 2 * leaseMs * maxDeliveries,
    };
    this.#its = new ItsBus(USER, group);
    this.#names = new Names(namespace);
    this.#envelopes = new Envelopes(this.#names);
    const client = () =>
      new AmqpClient(connection, USER, connectTimeoutMs, Math.floor(leaseMs / 2000), report);
    this.#publishing = client();
    this.#consuming = isConnection(connection) ? this.#publishing : client();
    this.#topology = new Topology(
      () => (this.#subscribing ? this.#consuming : this.#publishing).channel(),
      this.#names,
      () => (this.#subscribing || this.#delivering || this.#its.consumes ? this.#its.group : undefined),
    );
    this.#sender = new ConfirmedSender(
      this.#publishing,
      () => this.#topology.ensure(),
      publishTimeoutMs,
      report,
    );
    this.#routes = new Routes(this.#sender, this.#topology, this.#names, unroutable);
    this.deadLetters = new RabbitMQDeadLetters({
      desk: () => this.#desk(),
      send: (content, properties) => this.#storeLetter(content, properties),
    });
    this.#upkeep = new Periodic(() => this.#keepUp(), UPKEEP_MS, report);
  }

  attach(host: BackendHost): void {
    this.#its.attach(host);
  }

  /**
   * Stores the event for every service. Many calls may be under way; each is confirmed by itself.
   *
   * @throws {EventPublishError} when RabbitMQ refused it, did not confirm it within `publishTimeoutMs`, or no service has
   *   a queue and `unroutable` is 'reject'.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    // No async function: this is the hottest path, and each costs another promise.
    try {
      this.#assertOpen();
      const wire = encodeEvent(event);
      assertEventSize(event, wire, this.#options.maxEventBytes, MAX_EVENT_BYTES);
      const { delayMs = 0 } = options ?? {};
      if (!this.#opened || delayMs > 0) return this.#publishLater(event, wire, delayMs);
      return this.#routes.publish(this.#envelopes.event(event, wire));
    } catch (error) {
      return rejected(error);
    }
  }

  publishBatch(entries: readonly PublishEntry[]): Promise<(Error | PublishReceipt | void)[]> {
    return publishEach(entries, (event, options) => this.publish(event, options));
  }

  /** Stores a retry for one handler of this group. */
  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    this.#assertOpen();
    this.#delivering = true;
    await this.#open();
    const queue = this.#names.events(this.#its.group);
    await this.#routes.store(this.#envelopes.delivery(queue, event, delivery, 0));
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    this.#assertOpen();
    if (this.#subscribing) throw this.#its.taken();
    this.#its.warnOfSharedName();
    this.#subscribing = true;
    const consumer = this.#consumerFor(dispatch);
    try {
      await this.#consuming.open();
      await this.#topology.ensure();
      this.#assertOpen();
      this.#consumer = consumer;
      await consumer.start();
    } catch (error) {
      this.#subscribing = false;
      this.#consumer = undefined;
      await consumer.drain(AbortSignal.abort());
      await consumer.close();
      throw error;
    }
    this.#upkeep.poke(FIRST_UPKEEP_MS);
  }

  async drain({ signal }: DrainRequest): Promise<DrainResult> {
    return { released: (await this.#consumer?.drain(signal)) ?? 0 };
  }

  /** Nothing runs here, and the group has no message that waits or is due later. */
  async idle(signal: AbortSignal): Promise<void> {
    let quietBefore = false;
    await untilQuiet(signal, IDLE_POLL_MS, async () => {
      // What is just being handed out is neither waiting nor here: so it has to be quiet twice.
      const wasQuiet = quietBefore;
      quietBefore = !this.#busy && (await this.#waiting()) === 0 && !this.#busy;
      return wasQuiet && quietBefore;
    });
  }

  async health(): Promise<BackendHealth> {
    const consuming = () => this.#consumer?.consuming;
    const { status, details } = await healthOf('RabbitMQ', () => this.#ask(), consuming);
    const { blocked } = this.#publishing;
    if (blocked === undefined || status === 'down') return { status, details: details ?? {} };
    return { status: 'degraded', details: { ...details, blocked } };
  }

  /**
   * Of the group: `queued` messages that wait, and `suspects` among those that ended processes. `scheduled`: what waits
   * for its time, of every group, as far as this process knows the queues of it. Of this process: `inFlight`, `buffered`,
   * `stale`, `prefetch`, `unconfirmed` and `connected`.
   */
  async stats(): Promise<Readonly<Record<string, number>>> {
    return {
      ...(await this.#topology.counts(this.#groupIfAny)),
      ...this.#consumer?.counters(),
      unconfirmed: this.#sender.size,
      connected: this.#connected ? 1 : 0,
    };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#consumer?.drain(AbortSignal.abort());
    if (this.#publishing.connected) await within(FLUSH_MS, this.#sender.flushed());
    await within(FLUSH_MS, this.deadLetters.leave());
    await this.#consumer?.close();
    await within(FLUSH_MS, this.#upkeep.stop());
    await within(FLUSH_MS, this.#sender.close());
    await Promise.all([this.#consuming.close(), this.#publishing.close()]);
  }

  #consumerFor(dispatch: EventDispatcher): Consumer {
    const { concurrency, maxDeliveries } = this.#options;
    const { group } = this.#its;
    const queue = this.#names.events(group);
    return new Consumer({
      client: this.#consuming,
      names: this.#names,
      group,
      concurrency,
      maxDeliveries,
      deadLetters: this.#its.deadLetters ?? this.deadLetters,
      dispatch,
      retry: (event, retry) =>
        this.#routes.store(this.#envelopes.delivery(queue, event, retry, Date.now() + retry.delayMs)),
      store: (message) => this.#routes.store(message),
      publish: (message) => this.#publishDue(message, queue),
      prepare: () => this.#topology.ensure(),
      report: (error) => this.#its.report(error),
      deadLettered: (entry, error) => this.#its.deadLettered(entry, error),
    });
  }

  async #publishLater(event: Event, wire: string, delayMs: number): Promise<void> {
    await this.#open();
    if (delayMs <= 0) return this.#routes.publish(this.#envelopes.event(event, wire));
    const { scheduled } = this.#names;
    try {
      await this.#routes.store(this.#envelopes.eventAt(event, wire, scheduled, Date.now() + delayMs));
    } catch (error) {
      throw notStored(USER, error);
    }
  }

  /** For everybody; one that cannot be read is a dead letter of this group. */
  async #publishDue(message: ConsumeMessage, queue: string): Promise<void> {
    let event: Outgoing;
    try {
      event = published(message, this.#names);
    } catch {
      return this.#routes.store(sameAgain(message, queue));
    }
    await this.#routes.keep(event);
  }

  async #open(): Promise<void> {
    try {
      await this.#opening.get();
      this.#opened = true;
    } catch (error) {
      throw notStored(USER, error);
    }
  }

  async #desk() {
    const { publishTimeoutMs: timeoutMs } = this.#options;
    const { group } = this.#its;
    await this.#publishing.open();
    await this.#topology.dead(group);
    const queue = this.#names.dead(group);
    return { client: this.#publishing, queue, timeoutMs, report: (error: Error) => this.#its.report(error) };
  }

  async #storeLetter(content: Buffer, options: Outgoing['options']): Promise<void> {
    this.#delivering = true;
    await this.#open();
    const routingKey = this.#names.dead(this.#its.group);
    await this.#routes.store({ exchange: '', routingKey, content, options });
  }

  /** Whether the broker answers. @throws when it does not. */
  async #ask(): Promise<Readonly<Record<string, unknown>>> {
    const client = this.#subscribing ? this.#consuming : this.#publishing;
    if (this.#opened && !client.connected) throw new EventPublishError('not connected');
    // A connection that is blocked is not read: it says by itself that it lives.
    if (client.blocked === undefined) await closeChannel(await client.channel());
    return { server: client.server };
  }

  async #waiting(): Promise<number> {
    const { queued, suspects, scheduled } = await this.#topology.counts(this.#groupIfAny);
    return queued + suspects + scheduled;
  }

  /** Takes over the events for which there was no service when they were published. */
  async #keepUp(): Promise<number> {
    const channel = await this.#consuming.channel();
    try {
      await this.#routes.takeOver(channel, this.#names.events(this.#its.group));
    } finally {
      await closeChannel(channel);
    }
    return UPKEEP_MS * (0.75 + Math.random() / 2);
  }

  get #groupIfAny(): string | undefined {
    return this.#subscribing ? this.#its.group : undefined;
  }

  get #connected(): boolean {
    return this.#publishing.connected || (this.#subscribing && this.#consuming.connected);
  }

  get #busy(): boolean {
    return this.#sender.size > 0 || this.#consumer?.busy === true;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw this.#its.closed();
  }
}
