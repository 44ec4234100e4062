import { setTimeout as sleep } from 'node:timers/promises';
import { inTime, within } from '../../clients/in-time.js';
import type { DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { MemoryDeadLetterStore } from '../../dead-letters/memory-dead-letter-store.js';
import { EventConfigurationError } from '../../errors.js';
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
import { notStored, publishEach, rejected } from '../shared/publishing.js';
import { healthOf, STATUS_TIMEOUT_MS, untilQuiet } from '../shared/status.js';
import { Consumer } from './consumer.js';
import { Envelopes } from './envelopes.js';
import { type GroupQueue, type Link, openLink, reached } from './link.js';
import { Names } from './names.js';
import { type ResolvedOptions, resolveOptions, type SqsOptions } from './options.js';
import type { Target } from './publisher.js';

const USER = 'SqsBackend';
const SERVER = 'SQS';
const MAX_EVENT_BYTES = `option 'maxEventBytes' of ${USER}`;
const IDLE_POLL_MS = 50;
/** How long `close()` waits for what is not confirmed yet. */
const FLUSH_MS = 2000;
const FLUSH_POLL_MS = 5;

/**
 * Events in queues of Amazon SQS, one for each service; its processes share what it brings. SNS can bring what is
 * published to all of them.
 *
 * @example
 * EventsModule.forRoot({
 *   backend: new SqsBackend({ connection: { region: 'eu-central-1' }, sns: true, group: 'orders' }),
 *   deadLetters: new PostgresDeadLetterStore({ connection: 'postgresql://app@localhost/shop' }),
 * })
 */
export class SqsBackend implements EventBackend {
  readonly name = 'sqs';
  readonly capabilities: BackendCapabilities;
  /** SQS has no place where dead letters could be listed or looked for: the module's `deadLetters` has them. */
  readonly deadLetters?: DeadLetterStore;
  readonly #options: ResolvedOptions;
  readonly #envelopes: Envelopes;
  readonly #bus: ItsBus;
  readonly #linking: Opening<Link>;
  readonly #reaching: Opening<readonly Target[]>;
  readonly #stop = new AbortController();
  #targets: readonly Target[] | undefined;
  #link: Link | undefined;
  #subscribing = false;
  #consumer: Consumer | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: SqsOptions = {}) {
    this.#options = resolveOptions(options);
    const { namespace, group, fifo, maxEventBytes, leaseMs, maxDeliveries } = this.#options;
    this.capabilities = {
      durable: true,
      delay: !fifo,
      redelivery: true,
      shared: true,
      maxEventBytes,
      redeliveryHorizonMs: 2 * leaseMs * maxDeliveries,
    };
    this.#bus = new ItsBus(USER, group);
    this.#envelopes = new Envelopes(fifo);
    const names = new Names(namespace, fifo);
    this.#linking = new Opening(async () => {
      return (this.#link = await openLink(this.#options, names, this.#bus, () => this.#subscribing));
    });
    this.#reaching = new Opening(async () => {
      const link = await this.#linking.get();
      return (this.#targets = await this.#reached(() => link.targets()));
    });
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Stores the event: in the topic, or in the queue of every group of `groups`. Many calls may be under way, and ten of
   * them share a request; each is confirmed by itself.
   *
   * @throws {EventPublishError} when AWS refused it, or did not confirm it within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    // No async function: this is the hottest path, and each costs another promise.
    try {
      this.#assertOpen();
      const wire = encodeEvent(event);
      assertEventSize(event, wire, this.#options.maxEventBytes, MAX_EVENT_BYTES);
      const message = this.#envelopes.event(event, wire, options);
      const targets = this.#targets;
      if (targets !== undefined) return this.#link!.publisher.publish(targets, message);
      return this.#publishFirst(message);
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
    const link = await this.#linking.get();
    const { target } = await this.#ownQueue(link);
    await link.publisher.publish([target], this.#envelopes.retry(event, delivery, 0));
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    this.#assertOpen();
    if (this.#subscribing) throw this.#bus.taken();
    this.#subscribing = true;
    try {
      const link = await this.#linking.get();
      const { url, target } = await this.#ownQueue(link);
      this.#assertOpen();
      this.#consumer = this.#consumerOf(link, url, target, dispatch);
    } catch (error) {
      this.#subscribing = false;
      throw error;
    }
    this.#bus.warnOfSharedName();
    this.#warnOfForgetting();
    this.#consumer.start();
  }

  async drain({ signal }: DrainRequest): Promise<DrainResult> {
    return { released: (await this.#consumer?.drain(signal)) ?? 0 };
  }

  /** Nothing runs here, and the queue of the group has no message that waits, runs or is due later. */
  idle(signal: AbortSignal): Promise<void> {
    return untilQuiet(signal, IDLE_POLL_MS, async () => {
      if (await this.#isBusy()) return false;
      const { queued, pending, scheduled } = await this.#figures();
      return queued + pending + scheduled === 0 && !(await this.#isBusy());
    });
  }

  health(): Promise<BackendHealth> {
    return healthOf(
      SERVER,
      async () => {
        const link = await this.#linking.get();
        if (this.#subscribing) await link.api.attributes((await this.#ownQueue(link)).url, ['QueueArn']);
        else await this.#reaching.get();
      },
      () => this.#consumer?.consuming,
    );
  }

  /**
   * Of the queue of the group, as far as SQS knows: `queued` messages that wait, `pending` that processes have, and
   * `scheduled` ones that come later. Of this process: `inFlight`, `buffered`, `stale` and `unconfirmed`.
   */
  async stats(): Promise<Readonly<Record<string, number>>> {
    const [figures, unconfirmed] = await inTime(
      SERVER,
      STATUS_TIMEOUT_MS,
      Promise.all([this.#figures(), this.#link?.unconfirmed() ?? 0]),
    );
    return { ...figures, ...this.#consumer?.counters(), unconfirmed };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#consumer?.drain(AbortSignal.abort());
    const link = this.#link;
    if (link !== undefined) await within(FLUSH_MS, this.#flushed(link));
    this.#stop.abort();
    link?.publisher.stop();
    this.#consumer?.close();
    await within(FLUSH_MS, this.#reaching.settled());
    (await this.#linking.settled())?.dispose();
  }

  async #flushed(link: Link): Promise<void> {
    const startedAt = performance.now();
    while ((await link.unconfirmed()) > 0 && performance.now() - startedAt < FLUSH_MS)
      await sleep(FLUSH_POLL_MS);
  }

  #consumerOf(link: Link, queueUrl: string, target: Target, dispatch: EventDispatcher): Consumer {
    return new Consumer({
      ...this.#options,
      api: link.api,
      queueUrl,
      envelopes: this.#envelopes,
      send: (message) => link.publisher.publish([target], message),
      deadLetters: this.#bus.deadLetters ?? this.deadLetters,
      dispatch,
      ensure: () => link.ensure(),
      report: (error) => this.#bus.report(error),
      deadLettered: (entry, error) => this.#bus.deadLettered(entry, error),
    });
  }

  async #publishFirst(message: Parameters<Link['publisher']['publish']>[1]): Promise<void> {
    let targets: readonly Target[];
    try {
      targets = await this.#reaching.get();
    } catch (cause) {
      throw notStored(USER, cause);
    }
    await this.#link!.publisher.publish(targets, message);
  }

  #ownQueue(link: Link): Promise<GroupQueue> {
    return this.#reached(() => link.queue(this.#bus.group));
  }

  #reached<T>(work: () => Promise<T>): Promise<T> {
    const { connectTimeoutMs } = this.#options;
    return reached(work, connectTimeoutMs, this.#stop.signal, (error) => this.#bus.report(error));
  }

  async #figures() {
    const link = await this.#linking.get();
    const { url } = await this.#ownQueue(link);
    const attributes = await link.api.attributes(url, [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateNumberOfMessagesDelayed',
    ]);
    return {
      queued: Number(attributes['ApproximateNumberOfMessages'] ?? 0),
      pending: Number(attributes['ApproximateNumberOfMessagesNotVisible'] ?? 0),
      scheduled: Number(attributes['ApproximateNumberOfMessagesDelayed'] ?? 0),
    };
  }

  async #isBusy(): Promise<boolean> {
    return this.#consumer?.busy === true || ((await this.#link?.unconfirmed()) ?? 0) > 0;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw this.#bus.closed();
  }

  #warnOfForgetting(): void {
    if (!(this.#bus.deadLetters instanceof MemoryDeadLetterStore)) return;
    this.#bus.report(
      new EventConfigurationError(
        `${USER} has no place for dead letters that can be listed, so they are in the memory of this process, and lost with it. Set the module's 'deadLetters', to a PostgresDeadLetterStore or a RedisDeadLetterStore.`,
      ),
    );
  }
}
