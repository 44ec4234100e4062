import { MemoryDeadLetterStore } from '../../dead-letters/memory-dead-letter-store.js';
import { wholeEventLetter } from '../../dead-letters/whole-event.js';
import { causeOf } from '../../dispatch/correlation.js';
import { toError } from '../../dispatch/failure.js';
import { Event } from '../../event.js';
import {
  ACCEPTED,
  HANDLED,
  type BackendCapabilities,
  type BackendHealth,
  type BackendHost,
  type Delivery,
  type DispatchOutcome,
  type DrainRequest,
  type EventBackend,
  type EventDispatcher,
  type PublishOptions,
  type PublishReceipt,
} from '../backend.js';
import { Deduplication } from './deduplication.js';
import { IdleWatch } from './idle-watch.js';
import { eventOf, type Item, type Job } from './job.js';
import { alreadyClosed, leftBehind, lostToHandler, queueFull } from './memory-errors.js';
import { resolveMemoryOptions, type MemoryBackendOptions } from './memory-options.js';
import { MemoryQueue } from './memory-queue.js';
import { Present } from './present.js';
import { after } from '../../timer.js';
import { Timers } from './timers.js';
import { WaitingLine } from './waiting-line.js';

/** How long a drain waits for what follows of the events it waited for, while others keep coming, in milliseconds. */
const CONSEQUENCES_MS = 2000;

/**
 * Keeps events in this process: no broker, no durability. A bounded queue with a pool of workers; one event of a
 * `key` at a time, in order of publishing; retries and delays wait without a worker. What is not handled when it is
 * closed is lost, and reported.
 *
 * @example
 * EventsModule.forRoot(new MemoryBackend({ workers: 4, queueSize: 10_000, overflow: 'wait' }))
 */
export class MemoryBackend implements EventBackend {
  readonly name = 'memory';
  readonly capabilities: BackendCapabilities;
  /** The dead letters of this process, gone when it ends. */
  readonly deadLetters = new MemoryDeadLetterStore();

  readonly #options: Required<MemoryBackendOptions>;
  readonly #queue: MemoryQueue;
  readonly #deduplication: Deduplication | undefined;
  readonly #retrying = new Timers<Job>();
  readonly #delayed = new Timers<Event>();
  readonly #delayLine = new WaitingLine(() => this.#delayed.size < this.#options.queueSize);
  readonly #idleWatch = new IdleWatch(() => this.#queue.isIdle() && this.#retrying.size === 0);
  /** What drains wait for. */
  readonly #watched = new Set<Present>();
  #host: BackendHost | undefined;
  #dispatch: EventDispatcher | undefined;
  #closed = false;

  /** @throws {EventConfigurationError} naming the option that cannot be used. */
  constructor(options: MemoryBackendOptions = {}) {
    this.#options = resolveMemoryOptions(options);
    const { workers, queueSize, deduplicationMs, deduplicationLimit } = this.#options;
    this.capabilities = {
      durable: false,
      delay: true,
      ordering: true,
      broadcast: true,
      redelivery: true,
      shared: false,
      dedup: deduplicationMs > 0,
    };
    if (deduplicationMs > 0) this.#deduplication = new Deduplication(deduplicationMs, deduplicationLimit);
    this.#queue = new MemoryQueue(workers, queueSize, {
      deliver: (item) =>
        item instanceof Event ? this.#dispatch!(item) : this.#dispatch!(item.event, item.delivery),
      settled: (item, outcome) => this.#settled(item, outcome),
      crashed: (item, thrown) => this.#crashed(item, thrown),
    });
  }

  attach(host: BackendHost): void {
    this.#host = host;
  }

  /**
   * Queues an event; possible before `subscribe`.
   *
   * @throws {QueueFullError} when there is no room and `overflow` is not `wait`.
   * @throws {EventBusClosedError} after `close`, or when it comes while the event waits for room.
   */
  publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void> {
    const deduplication = options?.deduplicate === true ? this.#deduplication : undefined;
    return deduplication === undefined
      ? this.#accept(event, options)
      : this.#acceptOnce(event, options, deduplication);
  }

  /** Takes back a delayed event. Its id may be used again. */
  cancel(eventId: string): Promise<boolean> {
    const event = this.#delayed.take(({ id }) => id === eventId);
    if (event === undefined) return Promise.resolve(false);
    this.#deduplication?.forget(event);
    this.#delayLine.advance();
    return Promise.resolve(true);
  }

  subscribe(dispatch: EventDispatcher): Promise<void> {
    this.#dispatch = dispatch;
    this.#queue.start();
    return Promise.resolve();
  }

  /** Always waits for room, so that retrying many dead letters does not overflow the queue. */
  redeliver(event: Event, delivery: Delivery): Promise<void> {
    if (this.#closed) return Promise.reject(alreadyClosed(event));
    const job: Job = { event, delivery };
    if (!this.#queue.isOpen()) return this.#queue.pushLater(job);
    this.#queue.push(job);
    return ACCEPTED;
  }

  /**
   * Resolves when nothing is queued, running or due for a retry; events that wait for their `delayMs` do not count.
   *
   * @throws The reason of `signal` when it aborts first, or an EventBusClosedError when `close` lost events.
   */
  idle(signal: AbortSignal): Promise<void> {
    return this.#idleWatch.wait(signal);
  }

  /**
   * Waits until everything is handled, until the deadline at most. Unless it is the final one, traffic that goes on may
   * keep that moment from coming: then what is here now is waited for, and what follows of it for a moment. Events are
   * accepted and handled on until `close`.
   */
  async drain({ signal, final }: DrainRequest): Promise<void> {
    const finished = new AbortController();
    const present = new Present([...this.#queue.items(), ...this.#retrying.items()]);
    this.#watched.add(present);
    if (!final) void present.handled.then(() => after(CONSEQUENCES_MS, () => finished.abort()));
    // Neither the deadline nor close() is a failure to drain: close() reports what was left.
    await this.#idleWatch.wait(AbortSignal.any([signal, finished.signal])).catch(() => undefined);
    this.#watched.delete(present);
  }

  /** Waits for nothing: what is queued or held back is lost, and reported. Running handlers go on. */
  close(): Promise<void> {
    if (this.#closed) return ACCEPTED;
    this.#closed = true;
    const refusal = (item: Item) => alreadyClosed(eventOf(item));
    this.#delayLine.refuse(refusal);
    const queued = this.#queue.clear(refusal);
    const retrying = this.#retrying.clear();
    const delayed = this.#delayed.clear();
    if (queued.length + retrying.length + delayed.length > 0) {
      const error = leftBehind(queued, retrying, delayed);
      this.#report(error);
      this.#idleWatch.giveUp(error);
    }
    return ACCEPTED;
  }

  /** `degraded` while the queue is full, `down` after `close`. */
  async health(): Promise<BackendHealth> {
    const status = this.#closed ? 'down' : this.#queue.hasRoom() ? 'up' : 'degraded';
    return { status, details: await this.stats() };
  }

  /** Events that are `queued`, `running`, `retrying` (waiting for their next try) and `delayed`. */
  stats(): Promise<Readonly<Record<'queued' | 'running' | 'retrying' | 'delayed', number>>> {
    return Promise.resolve({
      queued: this.#queue.queued,
      running: this.#queue.running,
      retrying: this.#retrying.size,
      delayed: this.#delayed.size,
    });
  }

  #acceptOnce(
    event: Event,
    options: PublishOptions | undefined,
    deduplication: Deduplication,
  ): Promise<PublishReceipt | void> {
    if (this.#closed) return Promise.reject(alreadyClosed(event));
    return deduplication.once(event, options?.delayMs ?? 0, () => this.#accept(event, options));
  }

  #accept(event: Event, options?: PublishOptions): Promise<void> {
    if (this.#closed) return Promise.reject(alreadyClosed(event));
    if (options?.delayMs !== undefined) return this.#delay(event, options.delayMs);
    if (this.#queue.isOpen()) {
      this.#queue.push(event);
      return ACCEPTED;
    }
    if (this.#options.overflow !== 'wait') return this.#refuse(event, 'queue');
    // Handlers make room; if they waited for it, too, all workers could wait for each other.
    if (causeOf() === undefined) return this.#queue.pushLater(event);
    this.#queue.push(event);
    return ACCEPTED;
  }

  #delay(event: Event, delayMs: number): Promise<void> {
    const dueAt = Date.now() + delayMs;
    const hold = () => this.#delayed.add(event, Math.max(0, dueAt - Date.now()), this.#delayEnded);
    if (this.#delayLine.isOpen()) {
      hold();
      return ACCEPTED;
    }
    return this.#options.overflow === 'wait'
      ? this.#delayLine.join(event, hold)
      : this.#refuse(event, 'delayed events');
  }

  /** It was accepted long ago, so it enters even when the queue is full by now. */
  readonly #delayEnded = (event: Event): void => {
    this.#queue.push(event);
    this.#delayLine.advance();
  };

  async #refuse(event: Event, place: 'queue' | 'delayed events'): Promise<never> {
    if (this.#options.overflow === 'reject') throw queueFull(event, place, this.#options, 'rejected');
    const error = queueFull(event, place, this.#options, 'kept');
    try {
      await this.#keep(event, error);
    } catch (cause) {
      throw queueFull(event, place, this.#options, 'unkept', cause);
    }
    throw error;
  }

  #keep(event: Event, error: Error): Promise<void> {
    return this.#host?.deadLetter(event, error) ?? this.deadLetters.add([wholeEventLetter(event, error)]);
  }

  #settled(item: Item, outcome: DispatchOutcome): number {
    const retries = outcome === HANDLED ? 0 : this.#actOn(eventOf(item), outcome);
    if (this.#watched.size > 0) this.#tellDrains(eventOf(item), retries);
    this.#idleWatch.check();
    return this.#skips ? 0 : retries;
  }

  #tellDrains(event: Event, retries: number): void {
    for (const present of this.#watched) present.settled(event, retries);
  }

  /** @returns How many deliveries of the event are still to come. */
  #actOn(event: Event, { deadLetters, resolved, retries, released }: DispatchOutcome): number {
    // This store has the change when the call returns, and cannot fail.
    void this.deadLetters.add(deadLetters);
    for (const id of resolved) void this.deadLetters.transition(id, 'retrying', 'resolved');
    for (const { handlerId } of this.#closed ? [...released, ...retries] : released) {
      this.#report(lostToHandler(event, handlerId));
    }
    if (this.#closed) return 0;
    for (const { delayMs, ...next } of retries) {
      const job: Job = { event, delivery: { ...next, redelivered: true }, outOfLane: this.#skips };
      this.#retrying.add(job, delayMs, this.#retryDue);
    }
    return retries.length;
  }

  /** The later events of a key do not wait for retries. */
  get #skips(): boolean {
    return this.#host?.onKeyFailure === 'skip';
  }

  readonly #retryDue = (job: Job): void => this.#queue.pushRetry(job);

  #crashed(item: Item, thrown: unknown): void {
    const event = eventOf(item);
    const error = toError(thrown);
    this.#tellDrains(event, 0);
    this.#report(error);
    void this.#keep(event, error)
      .catch((failure: unknown) => this.#report(toError(failure)))
      .finally(() => this.#idleWatch.check());
  }

  #report(error: Error): void {
    if (this.#host === undefined) process.emitWarning(error.message, error.name);
    else this.#host.report(error);
  }
}
