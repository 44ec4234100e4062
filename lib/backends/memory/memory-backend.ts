import { MemoryDeadLetterStore } from '../../dead-letters/memory-dead-letter-store.js';
import { wholeEventLetter } from '../../dead-letters/whole-event.js';
import { toError } from '../../dispatch/failure.js';
import { Event } from '../../event.js';
import {
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
} from '../backend.js';
import { IdleWatch } from './idle-watch.js';
import { eventOf, type Item, type Job } from './job.js';
import { KeyLanes } from './key-lanes.js';
import { alreadyClosed, leftBehind, lostToHandler, queueFull } from './memory-errors.js';
import { resolveMemoryOptions, type MemoryBackendOptions } from './memory-options.js';
import { Timers } from './timers.js';
import { WaitingLine } from './waiting-line.js';
import { WorkerPool } from './worker-pool.js';

/** Shared by every event that is accepted at once. */
const ACCEPTED = Promise.resolve();

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
  readonly capabilities: BackendCapabilities = {
    durable: false,
    delay: true,
    ordering: true,
    broadcast: true,
    redelivery: true,
    shared: false,
  };
  /** The dead letters of this process, gone when it ends. */
  readonly deadLetters = new MemoryDeadLetterStore();

  readonly #options: Required<MemoryBackendOptions>;
  readonly #pool: WorkerPool;
  readonly #lanes = new KeyLanes();
  readonly #retrying = new Timers<Job>();
  readonly #delayed = new Timers<Event>();
  /** Emitters that found the queue full, and those that found too many events delayed. */
  readonly #queueLine = new WaitingLine(() => this.#hasRoom());
  readonly #delayLine = new WaitingLine(() => this.#delayed.size < this.#options.queueSize);
  readonly #idleWatch = new IdleWatch(() => this.#isIdle());
  #host: BackendHost | undefined;
  #dispatch: EventDispatcher | undefined;
  #closed = false;

  /** @throws {EventConfigurationError} naming the option that cannot be used. */
  constructor(options: MemoryBackendOptions = {}) {
    this.#options = resolveMemoryOptions(options);
    this.#pool = new WorkerPool(this.#options.workers, {
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
  publish(event: Event, options?: PublishOptions): Promise<void> {
    if (this.#closed) return Promise.reject(alreadyClosed(event));
    if (options?.delayMs !== undefined) return this.#delay(event, options.delayMs);
    if (this.#queueLine.isOpen()) {
      this.#enqueue(event);
      return ACCEPTED;
    }
    if (this.#options.overflow !== 'wait') return this.#refuse(event, 'queue');
    return this.#queueLine.join(event, () => this.#enqueue(event));
  }

  subscribe(dispatch: EventDispatcher): Promise<void> {
    this.#dispatch = dispatch;
    this.#pool.start();
    this.#queueLine.advance();
    return Promise.resolve();
  }

  /** Always waits for room, so that retrying many dead letters does not overflow the queue. */
  redeliver(event: Event, delivery: Delivery): Promise<void> {
    if (this.#closed) return Promise.reject(alreadyClosed(event));
    const job: Job = { event, delivery };
    if (!this.#queueLine.isOpen()) return this.#queueLine.join(job, () => this.#enqueue(job));
    this.#enqueue(job);
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

  /** Waits as `idle` does, until the deadline at most. Events are accepted and handled on until `close`. */
  async drain({ signal }: DrainRequest): Promise<void> {
    // Neither the deadline nor close() is a failure to drain: close() reports what was left.
    await this.#idleWatch.wait(signal).catch(() => undefined);
  }

  /** Waits for nothing: what is queued or held back is lost, and reported. Running handlers go on. */
  close(): Promise<void> {
    if (this.#closed) return ACCEPTED;
    this.#closed = true;
    this.#queueLine.refuse((item) => alreadyClosed(eventOf(item)));
    this.#delayLine.refuse((item) => alreadyClosed(eventOf(item)));
    const queued = [...this.#pool.clear(), ...this.#lanes.clear()];
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
    const status = this.#closed ? 'down' : this.#hasRoom() ? 'up' : 'degraded';
    return { status, details: await this.stats() };
  }

  /** Events that are `queued`, `running`, `retrying` (waiting for their next try) and `delayed`. */
  stats(): Promise<Readonly<Record<'queued' | 'running' | 'retrying' | 'delayed', number>>> {
    return Promise.resolve({
      queued: this.#pool.queued + this.#lanes.waiting,
      running: this.#pool.running,
      retrying: this.#retrying.size,
      delayed: this.#delayed.size,
    });
  }

  /** What a free worker is about to take does not count: 10 workers and a queue of 1000 take a burst of 1010. */
  #hasRoom(): boolean {
    const queued = Math.max(0, this.#pool.queued - this.#pool.free) + this.#lanes.waiting;
    return queued < this.#options.queueSize;
  }

  #isIdle(): boolean {
    const { queued, running } = this.#pool;
    return queued + running + this.#lanes.waiting + this.#retrying.size + this.#queueLine.length === 0;
  }

  #enqueue(item: Item): void {
    const { key } = eventOf(item);
    if (key === undefined || this.#lanes.enter(key, item)) this.#pool.push(item);
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
    this.#enqueue(event);
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

  #settled(item: Item, outcome: DispatchOutcome): void {
    this.#moveOn(item, outcome === HANDLED ? 0 : this.#actOn(eventOf(item), outcome));
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
      this.#retrying.add({ event, delivery: { ...next, redelivered: true } }, delayMs, this.#retryDue);
    }
    return retries.length;
  }

  /** Straight to the workers: the event is still the one at the head of its key's lane. */
  readonly #retryDue = (job: Job): void => this.#pool.push(job);

  #crashed(item: Item, thrown: unknown): void {
    const event = eventOf(item);
    const error = toError(thrown);
    this.#report(error);
    this.#keep(event, error).catch((failure: unknown) => this.#report(toError(failure)));
    this.#moveOn(item, 0);
  }

  #moveOn(item: Item, retries: number): void {
    const next = this.#lanes.leave(item, retries);
    if (next !== undefined) this.#pool.push(next);
    this.#queueLine.advance();
    this.#idleWatch.check();
  }

  #report(error: Error): void {
    if (this.#host === undefined) process.emitWarning(error);
    else this.#host.report(error);
  }
}
