import type { Delivery } from '../backends/backend.js';
import type { CircuitBreaker } from '../dispatch/circuit-breaker.js';
import type { ResolvedRetryPolicy } from '../dispatch/retry-policy.js';
import type { Event } from '../event.js';
import type { EventBus } from '../event-bus.js';
import type { SqlClient } from '../sql-client.js';

/** Facts about one delivery of an event to one handler: the second argument of every handler. */
export interface HandlerContext {
  /** Which try this is, from 1. Inline handlers always see 1. */
  readonly attempt: number;
  /** Id of this handler: its `id` option, else `Class.method`. */
  readonly handlerId: string;
  /**
   * Aborts when the work is in vain: the handler's `timeoutMs` passed, shutdown ran out of time, or another
   * process took the event over.
   */
  readonly signal: AbortSignal;
  /** This event may have been handled before: a retry, or a delivery after a crash. */
  readonly redelivered: boolean;
  /** The bus that delivers; events emitted on it are caused by this one. */
  readonly bus: EventBus;
  /** Present while events of a store are replayed: this one has happened before, and nothing else is told of it now. */
  readonly replay?: ReplayFacts | undefined;
  /** Writes and the mark that the event is handled, in one transaction of the inbox's database. */
  readonly transaction: EventTransaction;
}

/** What a handler is told of the replay that calls it. */
export interface ReplayFacts {
  /** Of this run: one that goes on after a crash has an id of its own. */
  readonly id: string;
  /** The name that it was given. */
  readonly name?: string | undefined;
}

/**
 * Marks the event as handled by this handler in the same transaction as the handler's writes: both are there, or
 * neither is. Once per call of a handler. Inline handlers have a transaction, too, but nothing to mark.
 *
 * @throws (rejects with) an EventConfigurationError when the module has no inbox whose store has transactions, or
 *   when it is used a second time; an InboxClaimLostError when another process has taken the event over. Then
 *   nothing is written.
 *
 * @example
 * await context.transaction((client) => client.query('update accounts set balance = balance - $1', [amount]));
 */
export interface EventTransaction {
  /** Begins a transaction, runs `work` in it, marks the event and commits. Resolves to what `work` returned. */
  <T>(work: (client: SqlClient) => Promise<T>): Promise<T>;
  /** Marks the event in a transaction that the handler has begun with `client`, and commits itself. */
  (client: SqlClient): Promise<void>;
}

/** A handler as a function. */
export type EventHandler<E extends Event = Event> = (event: E, context: HandlerContext) => unknown;

/** A handler behind what stands before it only when an event comes from the backend. */
export type DeliveryHandler = (event: Event, context: HandlerContext, delivery: Delivery) => unknown;

/** What a {@link DeliveryHandler} resolves to when the handler was not called: the event is handled already. */
export const SKIPPED = Symbol('skipped');

/** A registered handler, complete with everything a delivery needs. */
export interface HandlerEntry {
  readonly id: string;
  /** The name or pattern it listens to. */
  readonly pattern: string;
  /** Identity of the method or function behind it. Entries of one id must share it. */
  readonly owner: object;
  /** How errors name it. */
  readonly label: string;
  readonly priority: number;
  /** Place in module and declaration order: breaks ties of priority. */
  readonly order: number;
  readonly async: boolean;
  readonly broadcast: boolean;
  /** Whether replays may call it. */
  readonly replay: boolean;
  readonly retry: ResolvedRetryPolicy;
  /** It may go on after it has returned: it is async, returns something, or is wrapped in what is. */
  readonly suspends: boolean;
  /** Middleware, timeout, scope and enhancers around the method, composed at boot. */
  readonly invoke: EventHandler;
  /** The same behind its circuit breaker and its inbox; the very same where it has neither. */
  readonly deliver: DeliveryHandler;
  /** Shared by all entries of one id. */
  readonly circuit: CircuitBreaker | undefined;
  /** The context of every first try that has nothing special about it, so that it costs nothing. */
  readonly firstTry: HandlerContext;
}
