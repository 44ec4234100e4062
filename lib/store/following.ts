import { toError } from '../dispatch/failure.js';
import { CheckpointLostError } from '../errors.js';
import type { SqlClient } from '../sql-client.js';
import { pause } from '../timer.js';
import type { CheckpointLease } from './checkpoint-store.js';
import type { EventStore } from './event-store.js';
import { handleInTransaction } from './handling-transaction.js';
import { KeptLease } from './kept-lease.js';
import { persistently } from './persistence.js';
import { pauseAfter, type ResolvedSubscription } from './resolve-subscription.js';
import type { StoredEvent } from './stored-event.js';

/** How often it is saved how far a long batch, or a long run of events that are not meant, has come. */
const SAVE_MS = 1000;
/** How often one who waits looks again while the checkpoint is being given up. */
const ENDED_MS = 50;
/** Saved before the first event, where the store was empty: `from` has been looked at, and must not be again. */
const BEGUN = 'begun';

/**
 * Reads on from a checkpoint for as long as this process has it. Trouble with the store is waited out: what has been
 * handled is not forgotten, and so does not come again.
 */
export class Following {
  /** The last event that is done, or that need not be read. */
  position: string | undefined;
  /** Everything that was there at the beginning is done. */
  live = false;
  readonly #over = new AbortController();
  readonly #lease: KeptLease | undefined;
  #saved: string | undefined;
  #savedAt = performance.now();
  #wake: (() => void) | undefined;
  #woken = false;
  #whenMoved: (() => void)[] = [];

  /**
   * @param lease The checkpoint; `undefined` for a subscription without a name.
   * @param askedAt When it was asked for, by the monotonic clock.
   * @param stopping Aborts when the subscription is stopped.
   */
  constructor(
    private readonly store: EventStore,
    private readonly options: ResolvedSubscription,
    lease: CheckpointLease | undefined,
    askedAt: number,
    private readonly stopping: AbortSignal,
  ) {
    const report = (error: unknown) => this.#report(error, 1);
    this.#lease = lease && new KeptLease(lease, options.leaseMs, askedAt, () => this.#end(), report);
  }

  /**
   * Resolves when stopped, or when the checkpoint is lost; rejects when the store fails to save how far it came, or
   * leaves open whether a transaction was committed.
   */
  async run(): Promise<void> {
    const end = () => this.#end();
    this.stopping.addEventListener('abort', end);
    if (this.stopping.aborted) this.#end();
    const endHints = this.store.onAppended(() => this.#hint());
    void this.#lease?.keep(this.#over.signal);
    try {
      await this.#begin();
      while (!this.#over.signal.aborted) await this.#step();
      await this.#save();
    } catch (error) {
      if (!(error instanceof CheckpointLostError)) throw error;
    } finally {
      this.stopping.removeEventListener('abort', end);
      endHints();
      this.#end();
      await this.#release();
    }
  }

  /** Resolves when {@link position} has changed, or this has ended; some time later where it had ended before. */
  moved(): Promise<void> {
    if (this.#over.signal.aborted) return pause(ENDED_MS);
    return new Promise((resolve) => this.#whenMoved.push(resolve));
  }

  async #begin(): Promise<void> {
    const { from } = this.options;
    const { position, data } = this.#lease?.checkpoint ?? {};
    this.#saved = this.position = position;
    if (position !== undefined) return;
    await this.#prepare();
    if (from === 'start' || data === BEGUN || this.#over.signal.aborted) return;
    this.#move(from === 'end' ? await this.#persistently(() => this.store.head()) : from);
    // Or what comes before the first event is handled would be left out by whoever goes on after a crash.
    if (this.position !== undefined) return this.#persistently(() => this.#save());
    await this.#persistently(async () => this.#lease?.save({ data: BEGUN }));
  }

  /** Until it succeeds, or the checkpoint is gone. */
  async #prepare(): Promise<void> {
    const { prepare, transaction } = this.options;
    const { signal } = this.#over;
    if (prepare === undefined || signal.aborted) return;
    let attempt = 0;
    await this.#persistently(async () => {
      attempt++;
      await this.#lease?.renew();
      if (!transaction) return void (await prepare({ attempt, signal }));
      await this.store.transaction!(async (client) => {
        await prepare({ attempt, signal, client });
        // Or one that took long would undo what another process has done since it took over.
        await this.#lease!.save({}, client);
      });
    });
  }

  /** One page of events, or a wait for some. */
  async #step(): Promise<void> {
    const { criteria, batchSize } = this.options;
    this.#woken = false;
    // Asked first: whatever stands before it is on the page, or is not meant.
    const head = await this.#persistently(() => this.store.head());
    if (head !== undefined && (this.position === undefined || head > this.position)) {
      const page = { ...criteria, after: this.position, limit: batchSize };
      const events = await this.#persistently(() => this.store.page(page));
      await this.#handle(events);
      if (events.length === batchSize || this.#over.signal.aborted) return;
      if (this.position === undefined || head > this.position) this.#move(head);
      await this.#saveNowAndThen();
    }
    this.live = true;
    await this.#wait();
    await this.#saveNowAndThen();
  }

  async #handle(events: readonly StoredEvent[]): Promise<void> {
    if (events.length === 0 || this.#over.signal.aborted) return;
    if (this.options.transaction) return this.#handleInTransaction(events);
    for (const event of events) {
      if (this.#over.signal.aborted) return;
      await this.#handleOne(event);
      await this.#saveNowAndThen();
    }
    if (!this.#over.signal.aborted) await this.#persistently(() => this.#save());
  }

  /** All of them in one transaction; when one fails, each in its own, so that those before it are done. */
  async #handleInTransaction(events: readonly StoredEvent[]): Promise<void> {
    const { signal } = this.#over;
    const alone = events.length === 1;
    const failure = await this.#commit(events, 1);
    if (failure === undefined) return;
    if (alone && (await this.#failed(failure.error, events[0]!, 1))) return;
    for (const event of events) {
      for (let attempt = alone ? 2 : 1; !signal.aborted; attempt++) {
        const again = await this.#commit([event], attempt);
        if (again === undefined || (await this.#failed(again.error, event, attempt))) break;
      }
      if (signal.aborted) return;
    }
  }

  /** @returns Why events are refused: then nothing of them is done. */
  async #commit(
    events: readonly StoredEvent[],
    attempt: number,
  ): Promise<{ readonly error: unknown } | undefined> {
    const handle = (event: StoredEvent, client: SqlClient) => this.#call(event, attempt, client);
    const outcome = await this.#persistently(() =>
      handleInTransaction(this.store, this.#lease!, events, handle),
    );
    if (outcome.kind === 'refused') return { error: outcome.error };
    // Whoever takes the checkpoint next sees what came of it: until then, the database has it locked.
    if (outcome.kind === 'unknown') throw outcome.error;
    const { position } = events.at(-1)!;
    this.#noteSaved(position);
    this.#move(position);
    return undefined;
  }

  /** Until it succeeds, is skipped, or the checkpoint is gone. */
  async #handleOne(event: StoredEvent): Promise<void> {
    for (let attempt = 1; !this.#over.signal.aborted; attempt++) {
      try {
        await this.#call(event, attempt);
        return this.#move(event.position);
      } catch (error) {
        if (this.#over.signal.aborted) return;
        if (attempt === 1) await this.#persistently(() => this.#save());
        if (await this.#failed(error, event, attempt)) return;
      }
    }
  }

  async #call(event: StoredEvent, attempt: number, client?: SqlClient): Promise<void> {
    const { live } = this;
    const { signal } = this.#over;
    const context = client === undefined ? { attempt, live, signal } : { attempt, live, signal, client };
    const { handler, asStored } = this.options;
    await handler(asStored ? event : await this.store.present(event), context);
  }

  /** @returns Whether to go on behind it; otherwise the pause until the next try is over. */
  async #failed(thrown: unknown, event: StoredEvent, attempt: number): Promise<boolean> {
    if (this.#over.signal.aborted) return false;
    if (this.options.onError(toError(thrown), event, attempt) === 'skip') {
      this.#move(event.position);
      await this.#persistently(() => this.#save());
      return true;
    }
    await pause(pauseAfter(attempt), this.#over.signal);
    return false;
  }

  async #save(): Promise<void> {
    const { position } = this;
    if (this.#lease === undefined || position === undefined || position === this.#saved) return;
    await this.#lease.save({ position });
    this.#noteSaved(position);
  }

  async #saveNowAndThen(): Promise<void> {
    if (performance.now() - this.#savedAt < SAVE_MS || this.#over.signal.aborted) return;
    await this.#persistently(() => this.#save());
  }

  #noteSaved(position: string): void {
    this.#saved = position;
    this.#savedAt = performance.now();
  }

  #persistently<T>(ask: () => Promise<T>): Promise<T> {
    return persistently(ask, this.#over.signal, (error, attempt) => this.#report(error, attempt));
  }

  /** Or others, and this process itself, would have to wait for what is left of the lease. */
  async #release(): Promise<void> {
    const until = performance.now() + this.options.leaseMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#lease?.release();
      } catch (error) {
        this.#report(error, attempt);
        if (this.stopping.aborted || performance.now() > until) return;
        await pause(pauseAfter(attempt), this.stopping);
      }
    }
  }

  #move(position: string | undefined): void {
    this.position = position;
    const told = this.#whenMoved;
    this.#whenMoved = [];
    for (const tell of told) tell();
  }

  #hint(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async #wait(): Promise<void> {
    if (this.#woken || this.#over.signal.aborted) return;
    const enough = new AbortController();
    this.#wake = () => enough.abort();
    await pause(this.options.pollMs, enough.signal);
    this.#wake = undefined;
  }

  #report(error: unknown, attempt: number): void {
    this.options.onError(toError(error), undefined, attempt);
  }

  #end(): void {
    this.#over.abort();
    this.#wake?.();
    this.#move(this.position);
  }
}
