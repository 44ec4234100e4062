import type { ResolvedRetryPolicy } from '../dispatch/retry-policy.js';
import type { Event } from '../event.js';
import type { EventBus } from '../event-bus.js';

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
}

/** A handler as a function. */
export type EventHandler<E extends Event = Event> = (event: E, context: HandlerContext) => unknown;

/** A registered handler, complete with everything a delivery needs. */
export interface HandlerEntry {
  readonly id: string;
  /** The name or pattern it listens to. */
  readonly pattern: string;
  /** Identity of the method or function behind it. Entries of one id must share it. */
  readonly owner: unknown;
  /** How errors name it. */
  readonly label: string;
  readonly priority: number;
  /** Place in module and declaration order: breaks ties of priority. */
  readonly order: number;
  readonly async: boolean;
  readonly broadcast: boolean;
  readonly retry: ResolvedRetryPolicy;
  /** It may go on after it has returned: it is async, returns something, or is wrapped in what is. */
  readonly suspends: boolean;
  /** Middleware, timeout, scope and enhancers around the method, composed at boot. */
  readonly invoke: EventHandler;
  /** The context of every first try that has nothing special about it, so that it costs nothing. */
  readonly firstTry: HandlerContext;
}
