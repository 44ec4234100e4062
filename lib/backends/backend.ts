import type { DeadLetter, DeadLetterStore, HandlerAttempt } from '../dead-letters/dead-letter.js';
import type { Event, EventJson } from '../event.js';

/**
 * What carries events from `emitAsync` to the handlers. `name`, `publish`, `subscribe` and `close` make a complete
 * backend; without `subscribe` it only publishes. All else is optional and, where absent, done by the core or
 * refused with an error, never skipped in silence.
 */
export interface EventBackend {
  /** Short and stable, such as `redis-streams`: shown in receipts, health and metrics. */
  readonly name: string;
  readonly capabilities?: BackendCapabilities;
  /** Resolves once the event is stored as safely as this backend can; rejects otherwise. */
  publish(event: Event, options?: PublishOptions): Promise<void>;
  /** Starts consuming. Called once, after every handler is registered. */
  subscribe?(dispatch: EventDispatcher): Promise<void>;
  /** Flushes, stops and frees everything the backend itself opened. May be called twice, and before `subscribe`. */
  close(): Promise<void>;

  /** Called once, before anything else, with what the backend may want to know about its bus. */
  attach?(host: BackendHost): void;
  /** One round trip for many events. One result per entry, in order: `undefined`, or why it was not stored. */
  publishBatch?(entries: readonly PublishEntry[]): Promise<(Error | undefined)[]>;
  /** Stops taking events, then waits for the running ones. Publishing stays possible until `close`. */
  drain?(request: DrainRequest): Promise<void>;
  /** Resolves when nothing that this process accepted is waiting, running or due for a retry. */
  idle?(signal: AbortSignal): Promise<void>;
  health?(): Promise<BackendHealth>;
  /** Counters and gauges by name, such as `queued` or `lag`. */
  stats?(): Promise<Readonly<Record<string, number>>>;
  /** Hands one event to one handler, durably: how a dead letter is retried. */
  redeliver?(event: Event, delivery: Delivery): Promise<void>;
  /** Native storage of dead letters. The module's `deadLetters` option takes precedence over it. */
  readonly deadLetters?: DeadLetterStore;
}

/** What a backend can do by itself. Absent means no. */
export interface BackendCapabilities {
  /** Accepted events outlive the process. */
  readonly durable?: boolean;
  /** Honours `delayMs`. */
  readonly delay?: boolean;
  /** Handles events of one `key` one at a time and in order. */
  readonly ordering?: boolean;
  /** Can call broadcast handlers once in every process, with `delivery.audience`. */
  readonly broadcast?: boolean;
  /**
   * Acts on {@link DispatchOutcome}: stores `retries`, `deadLetters` and `resolved` durably before it acknowledges,
   * and leaves `released` work to be delivered again. Without it, retries wait inside the dispatcher.
   */
  readonly redelivery?: boolean;
  /** Other processes may consume what this one publishes. `false` only for in-process backends; default `true`. */
  readonly shared?: boolean;
}

export interface PublishOptions {
  /** Deliver no earlier than this many milliseconds from now. Only given to backends with `delay`. */
  readonly delayMs?: number;
}

export interface PublishEntry {
  readonly event: Event;
  readonly options?: PublishOptions;
}

/** Gives an event to its handlers. Never throws. Accepts what `JSON.parse(JSON.stringify(event))` makes, too. */
export type EventDispatcher = (event: Event | EventJson, delivery?: Delivery) => Promise<DispatchOutcome>;

/** Facts about this delivery of an event; everything may be left out. */
export interface Delivery {
  /** Only this handler: a retry. Absent or `*` means all of them. */
  readonly handlerId?: string;
  /** Which try this is, from 1. Counts across restarts when the backend stores it. */
  readonly attempt?: number;
  /** Failed tries so far, for the dead letter. */
  readonly attempts?: readonly HandlerAttempt[];
  /** The event may have been seen before: a crash, a lost lease. */
  readonly redelivered?: boolean;
  /** Aborts when this process lost the right to handle the event. */
  readonly signal?: AbortSignal;
  /** `group`: handlers that run once per service. `broadcast`: those that run in every process. Default: both. */
  readonly audience?: 'group' | 'broadcast';
  /** The dead letter that is being retried. */
  readonly deadLetterId?: string;
}

/** What became of a delivery. A backend with the `redelivery` capability stores all of it, then acknowledges. */
export interface DispatchOutcome {
  /**
   * - `handled`: every handler succeeded.
   * - `failed`: some did not; see `retries` and `deadLetters`.
   * - `released`: shutdown or a lost lease interrupted `released`; do not acknowledge those.
   */
  readonly status: 'handled' | 'failed' | 'released';
  readonly retries: readonly HandlerRetry[];
  readonly deadLetters: readonly DeadLetter[];
  /** Dead letters that a retry has settled. */
  readonly resolved: readonly string[];
  /** Handlers that must see this event again, with the attempt they were at. */
  readonly released: readonly HandlerRetry[];
}

/** One handler's next try. */
export interface HandlerRetry {
  readonly handlerId: string;
  /** The number of the try to come. */
  readonly attempt: number;
  /** Exactly how long to wait; what was reported to `errors`. */
  readonly delayMs: number;
  readonly attempts: readonly HandlerAttempt[];
  readonly deadLetterId?: string;
}

/** What a backend may ask of its bus. */
export interface BackendHost {
  /** The module's `source`: the default for `group`. */
  readonly source: string;
  /** Whether any handler is a broadcast one; asked when `subscribe` is called. */
  hasBroadcastHandlers(): boolean;
  /** Reports trouble that no caller waits for: a lost connection, an unreadable message. */
  report(error: Error): void;
  /**
   * Keeps an event that no handler was given, as a dead letter for all of them, in whichever store is in force.
   * Resolves when it is written.
   */
  deadLetter(event: Event, error: Error): Promise<void>;
}

export interface DrainRequest {
  /** Aborts at the deadline: stop waiting, release what is left. */
  readonly signal: AbortSignal;
}

export interface BackendHealth {
  readonly status: 'up' | 'degraded' | 'down';
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The one promise a backend may return from `publish` when it has accepted an event synchronously, so that nobody
 * waits for a microtask. Any other promise does as well.
 */
export const ACCEPTED: Promise<void> = Promise.resolve();

/** A delivery with nothing to store: shared, so that success costs no object. */
export const HANDLED: DispatchOutcome = Object.freeze({
  status: 'handled',
  retries: Object.freeze([]),
  deadLetters: Object.freeze([]),
  resolved: Object.freeze([]),
  released: Object.freeze([]),
});

/**
 * The one promise a dispatcher returns when every handler finished synchronously. A backend may compare with it and
 * go on at once instead of waiting for a microtask.
 */
export const HANDLED_NOW: Promise<DispatchOutcome> = Promise.resolve(HANDLED);
