import type { DeadLetterStore } from '../../dead-letters/dead-letter.js';
import type { EventDispatcher } from '../backend.js';
import { Acks } from './acks.js';
import { Broadcaster } from './broadcaster.js';
import type { RedisConnection } from './connection.js';
import { Consumer } from './consumer.js';
import { evictionProblem } from './eviction.js';
import type { Keys } from './keys.js';
import { Leases, type Member } from './leases.js';
import type { ResolvedOptions } from './options.js';
import { Periodic } from './periodic.js';
import { BlockingReader } from './reader.js';
import { Reclaimer } from './reclaimer.js';
import { Rejects } from './rejects.js';
import { Mover } from './schedule.js';
import { CREATE_GROUPS, REMOVE_CONSUMERS } from './scripts/upkeep.js';
import { ServerClock } from './server-clock.js';
import { Settler } from './settler.js';
import { Trimmer } from './trimmer.js';
import { abortion, inTime, within } from './waiting.js';
import { Workers } from './workers.js';

/** How long interrupted handlers get to tell how far they came. */
const ABORT_GRACE_MS = 250;
/** How long closing waits for Redis to take what is known. */
const FLUSH_MS = 2000;
const TASK_RETRY_MS = 1000;

/** What a subscription is made of. */
export interface SubscriptionContext {
  readonly options: ResolvedOptions;
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly member: Member;
  readonly deadLetters: DeadLetterStore;
  readonly broadcast: boolean;
  readonly dispatch: EventDispatcher;
  readonly report: (error: Error) => void;
}

/** The consuming side of one process: puts the parts together, starts them and takes them down in order. */
export class Subscription {
  readonly #clock = new ServerClock();
  readonly #leases: Leases;
  readonly #acks: ReadonlyMap<string, Acks>;
  readonly #settler: Settler;
  readonly #workers: Workers;
  readonly #consumer: Consumer;
  readonly #reclaimer: Reclaimer;
  readonly #broadcaster: Broadcaster | undefined;
  readonly #renewal: Periodic;
  readonly #moving: Periodic;
  /** Tasks that only take in or tidy up; they end first. */
  readonly #intake: readonly Periodic[];
  readonly #deadline = new AbortController();
  #draining: Promise<void> | undefined;

  constructor(private readonly context: SubscriptionContext) {
    const { options, connection, keys, member, dispatch, report } = context;
    const { leaseMs, concurrency } = options;
    const streams = [keys.stream, keys.retry];
    this.#leases = new Leases(connection, member, this.#clock, leaseMs);
    this.#acks = new Map(
      streams.map((stream) => [stream, new Acks(connection, stream, member, this.#leases, report)]),
    );
    this.#settler = new Settler(connection, keys, member, this.#leases, report, (delayMs) =>
      this.expectDue(delayMs),
    );
    this.#workers = new Workers({
      concurrency,
      dispatch,
      leases: this.#leases,
      acks: this.#acks,
      settler: this.#settler,
      rejects: new Rejects(connection, this.#settler, options.maxDeliveries, report),
      report,
    });
    this.#consumer = new Consumer({
      keys,
      member,
      reader: new BlockingReader(connection, leaseMs / 2),
      clock: this.#clock,
      leaseMs,
      workers: this.#workers,
      createGroups: () => this.#createGroups(),
      report,
    });
    this.#reclaimer = new Reclaimer(
      connection,
      streams,
      member,
      this.#clock,
      this.#leases,
      leaseMs,
      options.maxDeliveries,
      // New events may fill this process for ever; what a dead one left has to get a turn nevertheless.
      () => Math.max(this.#workers.room, concurrency - this.#workers.buffered),
      (claims) => this.#workers.accept(claims),
    );
    if (context.broadcast) {
      const reader = new BlockingReader(connection);
      const { deadLetters } = context;
      this.#broadcaster = new Broadcaster(
        connection,
        keys.stream,
        reader,
        dispatch,
        deadLetters,
        concurrency,
        report,
      );
    }
    const mover = new Mover(connection, this.#clock, [
      [keys.schedule, keys.scheduled, keys.stream],
      [keys.retrySchedule, keys.retryScheduled, keys.retry],
    ]);
    const trimmer = new Trimmer(connection, keys, options.trimMinAgeMs);
    this.#renewal = new Periodic(() => this.#leases.renew().then(() => leaseMs / 3), leaseMs / 10, report);
    this.#moving = new Periodic(() => mover.move(), TASK_RETRY_MS, report);
    const reclaiming = new Periodic(() => this.#reclaim(), Math.min(TASK_RETRY_MS, leaseMs), report);
    const trimming = new Periodic(() => trimmer.trim().then(jittered), TASK_RETRY_MS, report);
    this.#intake = [this.#moving, reclaiming, trimming];
  }

  /** Whether the last read worked. */
  get connected(): boolean {
    return this.#consumer.connected;
  }

  /** Something is held here, or a broadcast handler runs or waits for a retry. */
  get busy(): boolean {
    return this.#leases.size > 0 || (this.#broadcaster?.busy ?? 0) > 0;
  }

  /** @throws {EventTimeoutError} when Redis does not answer within `publishTimeoutMs`. */
  async start(): Promise<void> {
    await inTime(this.context.options.publishTimeoutMs, this.#prepare());
    if (this.#draining) return;
    this.#consumer.start();
    this.#broadcaster?.start();
    this.#renewal.poke();
    for (const task of this.#intake) task.poke();
  }

  /** An entry of a schedule will be due in this many milliseconds. */
  expectDue(delayMs: number): void {
    this.#moving.poke(Math.min(delayMs, TASK_RETRY_MS));
  }

  counters(): Readonly<Record<string, number>> {
    const { running, buffered } = this.#workers;
    const stale = [...this.#acks.values()].reduce((sum, acks) => sum + acks.stale, 0);
    return { inFlight: running, buffered, lost: this.#reclaimer.lost, stale };
  }

  /** Stops taking work, gives back what was not started, and waits for the rest until the signal aborts. */
  drain(signal: AbortSignal): Promise<void> {
    void abortion(signal).then(() => this.#deadline.abort());
    return (this.#draining ??= this.#drain());
  }

  /** Ends what is left. Call {@link drain} first. */
  async close(): Promise<void> {
    const { connection, keys, member } = this.context;
    if (connection.usable) await within(FLUSH_MS, this.#allStored());
    this.#settler.stop();
    for (const acks of this.#acks.values()) acks.stop();
    await within(FLUSH_MS, this.#renewal.stop());
    if (!connection.usable || this.#leases.size > 0) return;
    const goodbyes = [keys.stream, keys.retry].map((stream) =>
      connection.run(REMOVE_CONSUMERS, [stream], [member.group, 0, member.consumer]),
    );
    // It owns nothing, so others remove it in time if this does not work.
    await within(FLUSH_MS, Promise.allSettled(goodbyes));
  }

  async #prepare(): Promise<void> {
    const { connection, report } = this.context;
    await this.#createGroups();
    const problem = await evictionProblem(connection);
    if (problem) report(problem);
    await this.#broadcaster?.prepare();
  }

  async #createGroups(): Promise<void> {
    const { connection, keys, member } = this.context;
    this.#clock.observe(
      (await connection.run(CREATE_GROUPS, [keys.stream, keys.retry], [member.group])) as number,
    );
  }

  async #reclaim(): Promise<number> {
    const { leaseMs } = this.context.options;
    const more = await this.#reclaimer.sweep();
    return more ? Math.min(100, leaseMs / 10) : jittered(leaseMs / 2);
  }

  async #drain(): Promise<void> {
    const deadline = abortion(this.#deadline.signal);
    const stopped = Promise.all([
      this.#consumer.stop(),
      this.#broadcaster?.stop(),
      ...this.#intake.map((task) => task.stop()),
    ]);
    await Promise.race([stopped.then(() => this.#allDone()), deadline]);
    await this.#interrupt();
    if (this.context.connection.usable) await within(FLUSH_MS, Promise.all([stopped, this.#allStored()]));
  }

  /** Handlers that are still running are told to stop, and what they do not finish goes to other processes. */
  async #interrupt(): Promise<void> {
    this.#workers.abortRunning();
    await within(ABORT_GRACE_MS, this.#workers.finished());
    this.#workers.handBackRunning();
  }

  async #allDone(): Promise<void> {
    await Promise.all([this.#workers.finished(), this.#broadcaster?.finished()]);
    await this.#allStored();
  }

  async #allStored(): Promise<void> {
    await this.#settler.settled();
    for (const acks of this.#acks.values()) await acks.flushed();
  }
}

/** So that processes that started together do not keep in step. */
function jittered(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}
