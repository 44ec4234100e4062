import { toError } from '../dispatch/failure.js';
import { EventBusClosedError, EventTimeoutError } from '../errors.js';
import { inTime, pause } from '../timer.js';
import type { EventCriteria } from './criteria.js';
import type { EventStore } from './event-store.js';
import { Following } from './following.js';
import { pauseAfter, type ResolvedSubscription, resolveSubscription } from './resolve-subscription.js';
import type { EventSubscription, SubscribeOptions, SubscriptionHandler } from './subscription-options.js';

/** The longest pause of one who watches another process do the work. */
const WATCH_MS = 50;
/** The longest pause until a store that failed is asked for the checkpoint again. */
const MAX_PAUSE_MS = 2000;

/** Reads a store for a handler: waits for its turn among the processes, and takes it again whenever it was lost. */
export class Subscription implements EventSubscription {
  readonly ended: Promise<void>;
  readonly #store: EventStore;
  readonly #options: ResolvedSubscription;
  readonly #stopping = new AbortController();
  #following: Following | undefined;

  /** @throws {EventConfigurationError} naming the option that cannot be used. */
  constructor(
    store: EventStore,
    criteria: EventCriteria,
    handler: SubscriptionHandler,
    options: SubscribeOptions,
  ) {
    this.#store = store;
    this.#options = resolveSubscription(store, criteria, handler, options);
    this.ended = this.#run();
  }

  get name(): string | undefined {
    return this.#options.name;
  }

  get state(): EventSubscription['state'] {
    if (this.#stopping.signal.aborted) return 'stopped';
    if (this.#following === undefined) return 'waiting';
    return this.#following.live ? 'live' : 'catching-up';
  }

  get position(): string | undefined {
    return this.#following?.position;
  }

  get #title(): string {
    return this.name === undefined ? 'A subscription' : `Subscription '${this.name}'`;
  }

  async caughtUp({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const giveUp = new AbortController();
    const reached = this.#reached(giveUp.signal);
    if (timeoutMs === undefined) return reached;
    const late = () =>
      new EventTimeoutError(
        `${this.#title} did not catch up within ${timeoutMs} ms; it is at position ${this.position ?? '(the start)'}.`,
      );
    await inTime(reached, timeoutMs, late).finally(() => giveUp.abort());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.ended;
  }

  async #reached(giveUp: AbortSignal): Promise<void> {
    const last = await this.#store.page({ ...this.#options.criteria, direction: 'backward', limit: 1 });
    const target = last[0]?.position;
    if (target === undefined) return;
    const { signal } = this.#stopping;
    while (!giveUp.aborted) {
      const stopped = signal.aborted;
      if (stopped) await this.ended;
      // Asked before it is looked at, or a change in between would be missed.
      const change = this.#following?.moved() ?? pause(WATCH_MS, giveUp);
      const at = await this.#reachedHere();
      if (at !== undefined && at >= target) return;
      if (stopped) throw new EventBusClosedError(`${this.#title} was stopped before it had caught up.`);
      await change;
    }
  }

  /** Where this process is, or the one that has the checkpoint. */
  async #reachedHere(): Promise<string | undefined> {
    const { name } = this.#options;
    if (this.#following !== undefined) return this.#following.position;
    return name === undefined ? undefined : (await this.#store.checkpoints.read(name))?.position;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; attempt++) {
      let following: Following | undefined;
      try {
        following = await this.#takeTurn();
        if (following === undefined) return;
        this.#following = following;
        await following.run();
        attempt = 0;
      } catch (error) {
        this.#options.onError(toError(error), undefined, attempt);
        if (!signal.aborted) await pause(Math.min(pauseAfter(attempt), MAX_PAUSE_MS), signal);
      } finally {
        this.#following = undefined;
      }
    }
  }

  /** Waits until no other process has the checkpoint; `undefined` when stopped meanwhile. */
  async #takeTurn(): Promise<Following | undefined> {
    const { name, leaseMs, pollMs } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const askedAt = performance.now();
      const lease = name === undefined ? undefined : await this.#store.checkpoints.acquire(name, leaseMs);
      if (name === undefined || lease !== undefined) {
        return new Following(this.#store, this.#options, lease, askedAt, signal);
      }
      await pause(Math.min(pollMs, leaseMs / 3), signal);
    }
    return undefined;
  }
}
