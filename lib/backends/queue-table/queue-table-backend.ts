import { randomBytes } from 'node:crypto';
import type { DeadLetterStore } from '../../dead-letters/dead-letter.js';
import { inTime } from '../../clients/in-time.js';
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
import { Opening } from '../shared/opening.js';
import { publishEach } from '../shared/publishing.js';
import { healthOf, untilQuiet } from '../shared/status.js';
import { Consumer } from './consumer.js';
import { Producer } from './producer.js';
import type { QueueTable } from './queue-table.js';
import { DATABASE, type QueueTableSettings } from './settings.js';

const IDLE_POLL_MS = 20;
/** Enough for no two processes ever to have one name, and short, since every row in their hands bears it. */
const OWNER_BYTES = 12;

/** The part of a backend on a database table that does not depend on the database. */
export abstract class QueueTableBackend implements EventBackend {
  abstract readonly name: string;
  readonly capabilities: BackendCapabilities;
  readonly deadLetters: DeadLetterStore;
  readonly #bus: ItsBus;
  /** A database that was locked may not be at the next try. */
  readonly #opening: Opening<void>;
  readonly #producer: Producer;
  #consumer: Consumer | undefined;
  #closing: Promise<void> | undefined;

  protected constructor(
    private readonly settings: QueueTableSettings,
    private readonly table: QueueTable,
  ) {
    const { className, group, deduplicationMs, maxEventBytes, leaseMs, maxDeliveries } = settings;
    const bus = new ItsBus(className, group);
    this.#bus = bus;
    this.capabilities = {
      durable: true,
      delay: true,
      ordering: true,
      redelivery: true,
      shared: true,
      dedup: deduplicationMs > 0,
      transactions: table.publishIn !== undefined,
      maxEventBytes,
      redeliveryHorizonMs: leaseMs * maxDeliveries,
    };
    this.deadLetters = table.deadLetters;
    this.#opening = new Opening(() => table.open(bus));
    table.opened = () => this.#opening.get();
    this.#producer = new Producer(settings, table, this.#opening, (delayMs) =>
      this.#consumer?.expect(delayMs),
    );
  }

  attach(host: BackendHost): void {
    this.#bus.attach(host);
  }

  /**
   * Stores the event for every service that consumes. Concurrent calls share a transaction.
   *
   * @throws {EventPublishError} when the database refused it, or did not confirm it within `publishTimeoutMs`.
   * @throws {EventTooLargeError} when it has more than `maxEventBytes`.
   * @throws {EventSerializationError} when its data cannot be JSON.
   */
  async publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    this.#assertOpen();
    return this.#producer.publish(event, options);
  }

  publishBatch(entries: readonly PublishEntry[]): Promise<(Error | PublishReceipt | void)[]> {
    return publishEach(entries, (event, options) => this.publish(event, options));
  }

  async redeliver(event: Event, delivery: Delivery): Promise<void> {
    this.#assertOpen();
    return this.#producer.redeliver(event, delivery);
  }

  async cancel(eventId: string): Promise<boolean> {
    await this.#opening.get();
    return this.table.cancel(eventId);
  }

  async subscribe(dispatch: EventDispatcher): Promise<void> {
    this.#assertOpen();
    if (this.#consumer !== undefined) throw this.#bus.taken();
    const { concurrency, leaseMs, maxDeliveries, pollMs, publishTimeoutMs } = this.settings;
    const consumer = new Consumer({
      table: this.table,
      owner: randomBytes(OWNER_BYTES).toString('base64url'),
      concurrency,
      leaseMs,
      maxDeliveries,
      pollMs,
      dispatch,
      report: (error) => this.#bus.report(error),
      deadLettered: (entry, error) => this.#bus.deadLettered(entry, error),
    });
    this.#consumer = consumer;
    try {
      await inTime(
        DATABASE,
        publishTimeoutMs,
        this.#opening.get().then(() => this.table.register()),
      );
    } catch (error) {
      this.#consumer = undefined;
      throw error;
    }
    consumer.start();
    this.table.watch?.(() => consumer.expect());
  }

  async drain({ signal }: DrainRequest): Promise<DrainResult> {
    return { released: (await this.#consumer?.drain(signal)) ?? 0 };
  }

  /** Nothing runs here, and the group has no row that is due, claimed or waits for a retry. */
  idle(signal: AbortSignal): Promise<void> {
    return untilQuiet(signal, IDLE_POLL_MS, () => this.#isIdle());
  }

  health(): Promise<BackendHealth> {
    return healthOf(
      DATABASE,
      async () => {
        await this.#opening.get();
        await this.table.check();
      },
      () => this.#consumer?.connected,
    );
  }

  /** The figures of RowCounts for the group; and of this process `inFlight`, `buffered` and `stale`. */
  async stats(): Promise<Readonly<Record<string, number>>> {
    await this.#opening.get();
    return { ...(await this.table.counts()), ...this.#consumer?.counters() };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#consumer?.drain(AbortSignal.abort());
    await this.#producer.flushed();
    await this.#consumer?.close();
    await this.#opening.settled();
    await this.table.close();
  }

  async #isIdle(): Promise<boolean> {
    if (this.#producer.busy || this.#consumer?.busy) return false;
    const { queued, blocked, claimed, scheduled } = await this.table.counts();
    return queued + blocked + claimed + scheduled === 0 && !this.#consumer?.busy;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw this.#bus.closed();
  }
}
