import { abortion, within } from '../../clients/in-time.js';
import { inTime } from '../../clients/redis/waiting.js';
import type { Acks } from './acks.js';
import { evictionProblem } from '../../clients/redis/eviction.js';
import { assemble, type SubscriptionContext, type SubscriptionParts } from './subscription-parts.js';

/** How long interrupted handlers get to tell how far they came. */
const ABORT_GRACE_MS = 250;
/** How long closing waits for Redis to take what is known. */
const FLUSH_MS = 2000;

/** The consuming side of one process: starts its parts and takes them down in order. */
export class Subscription {
  readonly #parts: SubscriptionParts;
  readonly #deadline = new AbortController();
  #draining: Promise<void> | undefined;
  /** Entries given back that a drain has told of. */
  #reported = 0;

  constructor(private readonly context: SubscriptionContext) {
    this.#parts = assemble(context);
  }

  /** Whether the last read worked. */
  get connected(): boolean {
    return this.#parts.consumer.connected && this.#parts.ordered.connected;
  }

  /** Something is held here, or a broadcast handler runs or waits for a retry. */
  get busy(): boolean {
    return this.#parts.leases.size + this.#parts.ordered.size > 0 || (this.#parts.broadcaster?.busy ?? 0) > 0;
  }

  /** @throws {EventTimeoutError} when Redis does not answer within `publishTimeoutMs`. */
  async start(): Promise<void> {
    await inTime(this.context.options.publishTimeoutMs, this.#prepare());
    if (this.#draining) return;
    this.#parts.consumer.start();
    this.#parts.ordered.start();
    this.#parts.broadcaster?.start();
    this.#parts.renewal.poke();
    this.#parts.upkeep.start();
  }

  /** An entry of a schedule will be due in this many milliseconds. */
  expectDue(delayMs: number): void {
    this.#parts.upkeep.expectDue(delayMs);
  }

  counters(): Readonly<Record<string, number>> {
    const { running, buffered } = this.#parts.workers;
    const stale = this.#allAcks().reduce((sum, acks) => sum + acks.stale, 0);
    const lost = this.#parts.reclaimer.lost + this.#parts.ordered.lost;
    return {
      inFlight: running,
      buffered,
      lost,
      stale,
      shards: this.#parts.ordered.shards,
      ordered: this.#parts.ordered.size,
    };
  }

  /**
   * Stops taking work, gives back what was not started, and waits for the rest until the signal aborts.
   *
   * @returns How many entries were given back since the last call.
   */
  async drain(signal: AbortSignal): Promise<number> {
    void abortion(signal).then(() => this.#deadline.abort());
    await (this.#draining ??= this.#drain());
    const given = this.#parts.settler.handedBack - this.#reported;
    this.#reported += given;
    return given;
  }

  /** Ends what is left. Call {@link drain} first. */
  async close(): Promise<void> {
    const { connection } = this.context;
    if (connection.usable) await within(FLUSH_MS, this.#allStored());
    this.#parts.settler.stop();
    for (const acks of this.#allAcks()) acks.stop();
    await within(FLUSH_MS, Promise.all([this.#parts.renewal.stop(), this.#parts.ordered.close()]));
    if (connection.usable && this.#parts.leases.size === 0)
      await within(FLUSH_MS, this.#parts.groups.leave());
  }

  async #prepare(): Promise<void> {
    const { connection, report } = this.context;
    await this.#parts.upkeep.announce();
    await this.#parts.groups.create();
    const problem = await evictionProblem(connection);
    if (problem) report(problem);
    await this.#parts.broadcaster?.prepare();
  }

  async #drain(): Promise<void> {
    const deadline = abortion(this.#deadline.signal);
    const stopped = Promise.all([
      this.#parts.consumer.stop(),
      this.#parts.ordered.stop(),
      this.#parts.broadcaster?.stop(),
      this.#parts.upkeep.stop(),
    ]);
    await Promise.race([stopped.then(() => this.#allDone()), deadline]);
    await this.#interrupt();
    const over = [stopped, this.#allStored(), this.#parts.ordered.released()];
    if (this.context.connection.usable) await within(FLUSH_MS, Promise.all(over));
  }

  /** Handlers that are still running are told to stop, and what they do not finish goes to other processes. */
  async #interrupt(): Promise<void> {
    this.#parts.workers.abortRunning();
    await within(ABORT_GRACE_MS, this.#parts.workers.finished());
    this.#parts.workers.handBackRunning();
  }

  async #allDone(): Promise<void> {
    await Promise.all([this.#parts.workers.finished(), this.#parts.broadcaster?.finished()]);
    await this.#allStored();
    // Without Redis nobody can be told; the shards go to others when their leases end.
    if (this.context.connection.usable) await this.#parts.ordered.released();
  }

  async #allStored(): Promise<void> {
    await this.#parts.settler.settled();
    for (const acks of this.#allAcks()) await acks.flushed();
  }

  #allAcks(): Acks[] {
    return [...this.#parts.acks.values(), this.#parts.ordered.acks];
  }
}
