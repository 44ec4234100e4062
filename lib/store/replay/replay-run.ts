import type { BusParts } from '../../bus-parts.js';
import { Pace } from '../../dead-letters/pace.js';
import { toError } from '../../dispatch/failure.js';
import { CheckpointLostError } from '../../errors.js';
import { uuidv7 } from '../../event-id.js';
import type { EventStore } from '../event-store.js';
import type { StoredEvent } from '../stored-event.js';
import { Lanes } from './lanes.js';
import { ReplayCheckpoint, type ReplayMemory } from './replay-checkpoint.js';
import { ReplayClock } from './replay-clock.js';
import { type Counts, ReplayHandlers } from './replay-handlers.js';
import { fingerprintOf, type ReplayPlan } from './replay-plan.js';
import type { ReplayProgress, ReplayResult, ReplayState } from './replay-progress.js';

/** Events that are read at a time. */
const PAGE = 500;
/** Events after which a named replay saves how far it is, and so the most that a crash makes come again of those done. */
const SAVE_EVENTS = 100;
/** Milliseconds after which it saves at the latest. */
const SAVE_MS = 1000;
const TELL_MS = 500;

/** A replay that was begun. Await it for its result. */
export class ReplayRun implements PromiseLike<ReplayResult> {
  readonly id = uuidv7();
  readonly name: string | undefined;
  /**
   * Resolves when it has ended. Rejects with what kept it from going on: a store that does not answer, a
   * {@link ReplayConflictError}, a {@link CheckpointLostError}.
   */
  readonly result: Promise<ReplayResult>;
  readonly #handlers: ReplayHandlers;
  readonly #pace: Pace;
  readonly #clock = new ReplayClock();
  readonly #cancelled = new AbortController();
  readonly #lost = new AbortController();
  readonly #stopping: AbortSignal;
  #lanes = new Lanes(1, undefined);
  #state: ReplayState = 'starting';
  #resumed: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  /** The last event that is meant. */
  #end: string | undefined;
  #lastBegun: string | undefined;
  #total: number | undefined;
  #done = 0;
  #doneBefore = 0;

  /** @internal `replay().execute()` makes them. @throws {EventConfigurationError} when no such handler is there. */
  constructor(
    private readonly parts: BusParts,
    private readonly store: EventStore,
    private readonly plan: ReplayPlan,
  ) {
    const { name, handlers, rate, dryRun } = plan;
    this.name = name;
    this.#pace = new Pace(rate);
    this.#stopping = AbortSignal.any([
      this.#cancelled.signal,
      this.#lost.signal,
      parts.lifecycle.shutdown,
      parts.lifecycle.lifetime,
    ]);
    this.#handlers = new ReplayHandlers(parts, {
      facts: Object.freeze({ id: this.id, name }),
      chosen: handlers,
      dryRun,
      stopping: this.#stopping,
      present: (event) => store.present(event as never) as never,
    });
    this.result = this.#run();
  }

  /** How far it is now. */
  get progress(): ReplayProgress {
    const total = this.#total;
    const remaining = total === undefined ? undefined : Math.max(0, total - this.#done);
    const rate = this.#clock.rate(this.#done - this.#doneBefore);
    return {
      id: this.id,
      name: this.name,
      state: this.#state,
      done: this.#done,
      total,
      remaining,
      skipped: this.#handlers.skipped,
      rate,
      remainingMs: remaining === undefined || rate === 0 ? undefined : (remaining / rate) * 1000,
      position: this.#lanes.position,
      handlers: this.#counts(),
    };
  }

  /** Begins no further event until {@link resume}. What is being handled comes to its end. */
  pause(): void {
    if (this.#state !== 'running' && this.#state !== 'starting') return;
    this.#state = 'paused';
    this.#clock.pause();
    let resolve!: () => void;
    const promise = new Promise<void>((resolved) => (resolve = resolved));
    this.#resumed = { promise, resolve };
  }

  /** Goes on after {@link pause}. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#clock.resume();
    this.#wake();
  }

  /**
   * Ends it after the events that are being handled; those that wait for their next try are left. A replay with a name
   * keeps how far it is, and goes on there when it is executed again. Await the run for what came of it so far.
   */
  cancel(): void {
    this.#cancelled.abort();
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a run is what one awaits, and what one pauses
  then<A = ReplayResult, B = never>(
    fulfilled?: ((result: ReplayResult) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then(fulfilled, rejected);
  }

  async #run(): Promise<ReplayResult> {
    const telling = setInterval(() => this.#tell(), TELL_MS);
    const wake = () => this.#wake();
    this.#stopping.addEventListener('abort', wake);
    let checkpoint: ReplayCheckpoint | undefined;
    try {
      await this.#open();
      checkpoint = await this.#takeCheckpoint();
      await this.#begin(checkpoint);
      await this.#replay(checkpoint);
      return this.#result();
    } catch (error) {
      this.#state = 'failed';
      throw error;
    } finally {
      clearInterval(telling);
      this.#stopping.removeEventListener('abort', wake);
      this.#clock.pause();
      await checkpoint?.release().catch((error: unknown) => this.#report(error));
      this.#tell();
    }
  }

  /** Also for a bus that does not consume. */
  async #open(): Promise<void> {
    this.parts.assertUsable();
    const { deadLetters, source } = this.parts.options;
    await this.store.open();
    await deadLetters?.open?.(source);
    await this.parts.inbox?.open();
  }

  async #takeCheckpoint(): Promise<ReplayCheckpoint | undefined> {
    const { name, leaseMs } = this.plan;
    if (name === undefined) return undefined;
    const request = { name, leaseMs, plan: fingerprintOf(this.plan) };
    const lost = (error: Error) => this.#lost.abort(error);
    return ReplayCheckpoint.take(this.store.checkpoints, request, lost, (error) => this.#report(error));
  }

  /** Settles what is meant: what comes into the store from now on is not. */
  async #begin(checkpoint: ReplayCheckpoint | undefined): Promise<void> {
    const { criteria, after, concurrency } = this.plan;
    const earlier = checkpoint?.earlier;
    if (earlier === undefined) {
      this.#end = await this.store.head();
      if (after === undefined) this.#total = await this.store.count(criteria);
      this.#lanes = new Lanes(concurrency, after);
      await checkpoint?.save(after, this.#memory());
    } else {
      const { position, memory } = earlier;
      this.#end = memory.end;
      this.#total = memory.total;
      this.#done = this.#doneBefore = memory.done;
      this.#handlers.skipped = memory.skipped;
      for (const [id, counts] of Object.entries(memory.handlers))
        this.#handlers.counts.set(id, { ...counts });
      this.#lanes = new Lanes(concurrency, position);
    }
    this.#clock.resume();
    if (this.#state === 'paused') this.#clock.pause();
    else this.#state = 'running';
  }

  async #replay(checkpoint: ReplayCheckpoint | undefined): Promise<void> {
    let reachedEnd: boolean;
    try {
      reachedEnd = await this.#handleAll(checkpoint);
    } finally {
      await this.#lanes.settled();
    }
    this.#lost.signal.throwIfAborted();
    const stopped = this.#cancelled.signal.aborted ? 'cancelled' : 'interrupted';
    this.#state = reachedEnd && this.#allDone() ? 'completed' : stopped;
    if (this.#state === 'completed') this.#total = this.#done;
    await this.#save(checkpoint);
  }

  /** @returns `false` when it was stopped before the end. */
  async #handleAll(checkpoint: ReplayCheckpoint | undefined): Promise<boolean> {
    const { criteria } = this.plan;
    let after = this.#lanes.position;
    let sinceSave = 0;
    let savedAt = performance.now();
    while (this.#end !== undefined) {
      const page = await this.store.page({ ...criteria, after, limit: PAGE });
      for (const event of page) {
        if (event.position > this.#end) return true;
        await this.#lanes.room();
        if (!(await this.#mayGoOn())) return false;
        this.#lanes.add(event.position, laneOf(event), () => this.#handle(event));
        this.#lastBegun = event.position;
        if (++sinceSave < SAVE_EVENTS && performance.now() - savedAt < SAVE_MS) continue;
        await this.#save(checkpoint);
        sinceSave = 0;
        savedAt = performance.now();
      }
      if (page.length < PAGE) break;
      after = page.at(-1)!.position;
    }
    return true;
  }

  async #save(checkpoint: ReplayCheckpoint | undefined): Promise<void> {
    try {
      await checkpoint?.save(this.#lanes.position, this.#memory());
    } catch (error) {
      if (error instanceof CheckpointLostError) this.#lost.abort(error);
      throw error;
    }
  }

  async #handle(event: StoredEvent): Promise<boolean> {
    const ended = await this.#handlers.run(event);
    if (ended) this.#done++;
    return ended;
  }

  /** What was stopped while it waited for its next try is not done. */
  #allDone(): boolean {
    return this.#lastBegun === undefined || this.#lanes.position === this.#lastBegun;
  }

  /** Waits for its time, and while it is paused. @returns `false` when it is to end. */
  async #mayGoOn(): Promise<boolean> {
    while (this.#resumed !== undefined && !this.#stopping.aborted) await this.#resumed.promise;
    if (this.#stopping.aborted) return false;
    try {
      await this.#pace.next(this.#stopping);
    } catch {
      return false; // it was stopped meanwhile, which is all that the pace rejects with
    }
    return true;
  }

  #wake(): void {
    this.#resumed?.resolve();
    this.#resumed = undefined;
  }

  #tell(): void {
    for (const listener of this.plan.onProgress) {
      try {
        listener(this.progress);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  #report(error: unknown): void {
    this.parts.notices.report(toError(error));
  }

  #counts(): Record<string, Counts> {
    return Object.fromEntries([...this.#handlers.counts].map(([id, counts]) => [id, { ...counts }]));
  }

  #memory(): ReplayMemory {
    const plan = fingerprintOf(this.plan);
    const { skipped } = this.#handlers;
    const handlers = this.#counts();
    return {
      plan,
      state: this.#state,
      end: this.#end,
      total: this.#total,
      done: this.#done,
      skipped,
      handlers,
    };
  }

  #result(): ReplayResult {
    const { id, name, done, total, skipped, position, handlers } = this.progress;
    const failed = Object.values(handlers).reduce((sum, counts) => sum + counts.failed, 0);
    const state = this.#state as ReplayResult['state'];
    return {
      id,
      name,
      state,
      done,
      total,
      skipped,
      failed,
      position,
      handlers,
      durationMs: this.#clock.totalMs,
    };
  }
}

/** Events of one lane stay in order. */
function laneOf({ streamId, key, source }: StoredEvent): string | undefined {
  if (streamId !== undefined) return `stream ${streamId}`;
  return key === undefined ? undefined : `key ${source} ${key}`;
}
