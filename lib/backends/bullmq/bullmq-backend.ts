import type { Queue } from 'bullmq';
import { RedisConnection } from '../../clients/redis/connection.js';
import { TimedCalls } from '../../clients/redis/timed-calls.js';
import { within } from '../../clients/in-time.js';
import { inTime } from '../../clients/redis/waiting.js';
import { deadLetterKeysOf } from '../../dead-letters/redis/codec.js';
import type { Event } from '../../event.js';
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
import { Periodic } from '../shared/periodic.js';
import { publishEach } from '../shared/publishing.js';
import { healthOf, untilQuiet } from '../shared/status.js';
import { cancelEvent } from './cancelling.js';
import { Consumer } from './consumer.js';
import { EventJobs } from './event-jobs.js';
import { Groups } from './groups.js';
import { JobDeadLetters } from './job-dead-letters.js';
import { groupsKeyOf, tagOf } from './names.js';
import { type BullMQOptions, resolveOptions, type ResolvedOptions, USER } from './options.js';
import { Outages } from './outages.js';
import { Publisher } from './publisher.js';
import { Queues } from './queues.js';
import { Retries } from './retries.js';
import { Status } from './status.js';

const IDLE_POLL_MS = 20;
const UPKEEP_MS = 5000;
/** How long `close()` waits for what Redis has not confirmed yet. */
const FLUSH_MS = 2000;

/**
 * Events as jobs of BullMQ 6: one per event in the queue of every service, in the states that boards show. The
 * processes of a service share its queue.
 *
 * @example
 * EventsModule.forRoot(new BullMQBackend({ connection: 'redis://localhost:6379', group: 'orders' }))
 */
export class BullMQBackend implements EventBackend {
  readonly name = 'bullmq';
  readonly capabilities: BackendCapabilities;
  /** Dead letters of this group. */
  readonly deadLetters: JobDeadLetters;
  readonly #options: ResolvedOptions;
  readonly #bus: ItsBus;
  readonly #connection: RedisConnection;
  readonly #calls: TimedCalls;
  readonly #queues: Queues;
  readonly #groups: Groups;
  readonly #publisher: Publisher;
  readonly #jobs: EventJobs;
  readonly #retries: Retries;
  readonly #upkeep: Periodic;
  readonly #outages: Outages;
  readonly #status: Status;
  #consumer: Consumer | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {EventConfigurationError} when an option cannot work. Connects on first use, not here. */
  constructor(options: BullMQOptions) {
    this.#options = resolveOptions(options);
    const { connection, namespace, prefix, group, groups, publishTimeoutMs } = this.#options;
    const { maxEventBytes, leaseMs, maxDeliveries } = this.#options;
    const bus = new ItsBus(USER, group);
    this.#bus = bus;
    const report = (error: Error) => bus.report(error);
    this.capabilities = {
      durable: true,
      delay: true,
      redelivery: true,
      shared: true,
      dedup: true,
      maxEventBytes,
      redeliveryHorizonMs: 2 * leaseMs * maxDeliveries,
    };
    this.#connection = new RedisConnection(connection, USER, report);
    this.#calls = new TimedCalls(this.#connection, publishTimeoutMs, USER);
    this.#queues = new Queues(this.#connection, this.#options);
    const own = { name: () => bus.group, consumes: () => bus.consumes };
    const key = groups === undefined ? groupsKeyOf(prefix, namespace) : undefined;
    this.#groups = new Groups(key, own, groups);
    this.#publisher = new Publisher(this.#calls, this.#queues, this.#groups);
    this.#jobs = new EventJobs(this.#options, this.#publisher);
    const stream = () => `{${tagOf(prefix, namespace)}}:retries:${this.#bus.group}`;
    this.#retries = new Retries(this.#connection, this.#queues, own.name, stream);
    this.deadLetters = new JobDeadLetters(
      this.#connection,
      () => deadLetterKeysOf(tagOf(prefix, namespace), this.#bus.group),
      publishTimeoutMs,
      { stream, forward: () => inTime(publishTimeoutMs, this.#retries.forward()).catch(report) },
    );
    this.#status = new Status(this.#connection, () => this.queue());
    this.#outages = new Outages(report);
    this.#upkeep = new Periodic(
      () => this.#keepUp(),
      UPKEEP_MS,
      (error) => this.#outages.failed(error),
    );
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Adds a job to the queue of every group. Concurrent calls share a round trip.
   *
   * @throws {EventPublishError} when Redis refused it, or did not confirm it within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   * @throws {EventConfigurationError} when `jobOptions` are refused.
   */
  publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    return this.#jobs.publish(event, options);
  }

  publishBatch(entries: readonly PublishEntry[]): Promise<(Error | PublishReceipt | void)[]> {
    return publishEach(entries, (event, options) => this.publish(event, options));
  }

  /**
   * Takes back a delayed event: one whose id was made here, or one with an id of the emitter's own and the module's
   * `source`. No group gets it then; one that has begun with it keeps it for all.
   *
   * @throws {EventPublishError} when Redis does not answer: the event may or may not have been taken back.
   */
  cancel(eventId: string): Promise<boolean> {
    const event = { id: eventId, source: this.#bus.source };
    return this.#calls.run(async (client) => {
      const groups = await this.#groups.current(client);
      const queues = await Promise.all(groups.map((group) => this.#queues.of(group)));
      return cancelEvent(this.#connection, queues, event, this.#calls.timeoutMs);
    }, 'the cancelling');
  }

  /** Adds a job for one handler to the queue of this group. */
  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    const job = this.#jobs.redelivery(event, delivery);
    await this.#calls.run(async () => (await this.queue()).getBackend().addJob(job, job.id), 'the delivery');
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    if (this.#closing !== undefined) throw this.#bus.closed('Make a new one to subscribe.');
    if (this.#consumer !== undefined) throw this.#bus.taken();
    this.#bus.warnOfSharedName();
    const consumer = new Consumer({
      bullmq: await this.#queues.bullmq(),
      queue: this.#queues.nameOf(this.#bus.group),
      options: this.#options,
      connection: this.#connection,
      deadLetters: this.#bus.deadLetters ?? this.deadLetters,
      dispatch,
      report: (error) => this.#bus.report(error),
      deadLettered: (entry, error) => this.#bus.deadLettered(entry, error),
    });
    this.#consumer = consumer;
    try {
      await inTime(this.#options.publishTimeoutMs, this.#register());
      await consumer.start();
    } catch (error) {
      this.#consumer = undefined;
      await consumer.drain(AbortSignal.abort());
      await consumer.close();
      throw error;
    }
    this.#upkeep.poke();
  }

  async drain({ signal }: DrainRequest): Promise<DrainResult> {
    return { released: (await this.#consumer?.drain(signal)) ?? 0 };
  }

  /** Nothing runs here, and the group has no job that waits or is active, nor a retry. */
  idle(signal: AbortSignal): Promise<void> {
    return untilQuiet(signal, IDLE_POLL_MS, () => this.#isIdle());
  }

  health(): Promise<BackendHealth> {
    return healthOf(
      'Redis',
      async () => void (await (await this.#connection.open()).ping()),
      () => this.#consumer?.connected,
    );
  }

  /** Jobs of the group by their state in BullMQ, and `deadLetters`; of this process `inFlight` and `stale`. */
  async stats(): Promise<Readonly<Record<string, number>>> {
    const [counts, deadLetters] = await Promise.all([this.#status.counts(), this.deadLetters.size()]);
    return { ...counts, deadLetters, ...this.#consumer?.counters() };
  }

  /**
   * BullMQ's queue of this group, for boards and for whatever BullMQ has that events have not. It is closed with the
   * backend.
   */
  async queue(): Promise<Queue> {
    return (await this.#queues.of(this.#bus.group)).queue;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#consumer?.drain(AbortSignal.abort());
    if (this.#connection.usable) await within(FLUSH_MS, this.#publisher.flush());
    this.#calls.close();
    await within(FLUSH_MS, this.#upkeep.stop());
    await this.#consumer?.close();
    await this.#queues.close();
    await this.#connection.close();
  }

  async #isIdle(): Promise<boolean> {
    return !this.#busyHere && !(await this.#status.busy()) && !this.#busyHere;
  }

  get #busyHere(): boolean {
    return this.#publisher.unconfirmed || (this.#consumer?.counters().inFlight ?? 0) > 0;
  }

  async #register(): Promise<void> {
    await this.#groups.register(await this.#connection.open(), this.#bus.group);
  }

  /** The set of groups may have been lost with the rest of the database, and a retry left behind by a process. */
  async #keepUp(): Promise<number> {
    await this.#register();
    await this.#retries.forward();
    this.#outages.over();
    return UPKEEP_MS * (0.75 + Math.random() / 2);
  }
}
