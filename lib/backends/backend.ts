import type { DeadLetter, DeadLetterStore, HandlerAttempt, RawMessage } from '../dead-letters/dead-letter.js';
import type { Event, EventJson } from '../event.js';
import type { SqlClient } from '../sql-client.js';

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
  publish(event: Event, options?: PublishOptions): Promise<PublishReceipt | void>;
  /** Starts consuming. Called once, after every handler is registered. */
  subscribe?(dispatch: EventDispatcher): Promise<void>;
  /** Flushes, stops and frees everything the backend itself opened. May be called twice, and before `subscribe`. */
  close(): Promise<void>;

  /** Called once, before anything else, with what the backend may want to know about its bus. */
  attach?(host: BackendHost): void;
  /** One round trip for many events. One result per entry, in order; an error says why it was not stored. */
  publishBatch?(entries: readonly PublishEntry[]): Promise<(Error | PublishReceipt | void)[]>;
  /** Takes back an event whose delay is not over. Resolves with whether it was there: then it is never delivered. */
  cancel?(eventId: string): Promise<boolean>;
  /** Stops taking events, then waits for the running ones. Publishing stays possible until `close`. */
  drain?(request: DrainRequest): Promise<DrainResult | void>;
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
  /** Honours `deduplicate`. */
  readonly dedup?: boolean;
  /** Honours `transaction`. */
  readonly transactions?: boolean;
  /** Largest event in its wire form, in bytes. Larger ones are refused with an EventTooLargeError. Absent: no limit. */
  readonly maxEventBytes?: number;
  /**
   * How long after a success the same event may still be delivered again while its consumers are up, in
   * milliseconds: an inbox has to remember at least as long.
   */
  readonly redeliveryHorizonMs?: number;
}

export interface PublishOptions {
  /** Deliver no earlier than this many milliseconds from now. Only given to backends with `delay`. */
  readonly delayMs?: number;
  /** The emitter chose the id: an event of this id and source that is stored already is not stored again. */
  readonly deduplicate?: boolean;
  /**
   * Publish as part of this transaction of the caller: a rollback publishes nothing. Only given to backends with
   * `transactions`.
   */
  readonly transaction?: SqlClient;
}

/** What a backend has to tell about an event that it accepted. */
export interface PublishReceipt {
  /** An event of this id was stored before, so that this one was left out. */
  readonly duplicate?: boolean;
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
  /** How often in a row the handler was not called at all; see {@link HandlerRetry.deferrals}. */
  readonly deferrals?: number;
  /** What the broker holds of the event, for the dead letter. Read only then: a getter costs nothing else. */
  readonly raw?: RawMessage | undefined;
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
  /** The number of the try to come: the same as before when the handler was not called. */
  readonly attempt: number;
  /**
   * How often in a row the handler was not called, because its circuit breaker is open, another process is at the
   * same event, or this process does not have it. To be handed back in the next {@link Delivery}. Absent is 0.
   */
  readonly deferrals?: number;
  /** Exactly how long to wait; what was reported to `errors`. */
  readonly delayMs: number;
  readonly attempts: readonly HandlerAttempt[];
  readonly deadLetterId?: string;
}

/** What a backend may ask of its bus. */
export interface BackendHost {
  /** The module's `source`: the default for `group`. */
  readonly source: string;
  /** What happens to the later events of a key while a failed one waits for its retry. */
  readonly onKeyFailure: KeyFailurePolicy;
  /** Whether any handler is a broadcast one; asked when `subscribe` is called. */
  hasBroadcastHandlers(): boolean;
  /** Names and patterns that handlers of this process listen to, with the former names of events. */
  patterns(): readonly string[];
  /** Whether this process has a handler for events of this name, or something to say against the name. */
  handles(type: string): boolean;
  /** The module's own store of dead letters: it is in force then, and that of the backend is not. */
  readonly deadLetters?: DeadLetterStore | undefined;
  /** Reports trouble that no caller waits for: a lost connection, an unreadable message. */
  report(error: Error): void;
  /**
   * Keeps an event that no handler was given, as a dead letter for all of them, in whichever store is in force.
   * Resolves when it is written.
   */
  deadLetter(event: Event, error: Error): Promise<void>;
  /**
   * Tells of a dead letter that the backend makes and stores by itself, because its event must not reach a handler: to
   * `onDeadLetter` and, in place of `report`, to `errors`. Called just before it is stored.
   */
  deadLettered(entry: DeadLetter, error: Error): void;
}

/**
 * - `block-key`: they wait until the failed one is handled or a dead letter.
 * - `skip`: they go on; the retry comes out of order.
 */
export type KeyFailurePolicy = 'block-key' | 'skip';

/** What a backend did with what it held when it was drained. */
export interface DrainResult {
  /** Deliveries handed back unfinished or not begun, for other processes to take at once. */
  readonly released: number;
}

export interface DrainRequest {
  /** Aborts at the deadline: stop waiting, release what is left. */
  readonly signal: AbortSignal;
  /**
   * Nothing is published any more but by handlers that still run: an in-process backend waits for everything.
   * Otherwise events may keep coming, and it waits for what it has now.
   */
  readonly final: boolean;
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
