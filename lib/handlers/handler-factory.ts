import type { EventBackend } from '../backends/backend.js';
import { CallContext, type Interrupter, withTimeout } from '../dispatch/call-context.js';
import { CircuitBreaker } from '../dispatch/circuit-breaker.js';
import { withCircuitBreaker } from '../dispatch/circuit-breaker-guard.js';
import {
  type CircuitBreakerOptions,
  resolveCircuitBreaker,
  type ResolvedCircuitBreaker,
} from '../dispatch/circuit-breaker-options.js';
import { compose, type EventMiddleware } from '../dispatch/middleware.js';
import { resolveRetryPolicy, type ResolvedRetryPolicy, type RetryPolicy } from '../dispatch/retry-policy.js';
import { EventConfigurationError } from '../errors.js';
import type { EventBus } from '../event-bus.js';
import type { EventErrorNotice } from '../error-stream.js';
import { unmarkedTransactions } from '../inbox/claim.js';
import type { Inbox } from '../inbox/inbox.js';
import type { EventHandler, HandlerEntry } from './handler.js';

/** Options of one handler, of `@OnEvent` and of `bus.on()` alike. */
export interface HandlerOptions {
  /**
   * Identifies the handler in retries and dead letters. Default `Class.method`. Give one where a backend is durable:
   * a renamed method would otherwise no longer be found by what waits for it.
   */
  readonly id?: string;
  /** Higher runs first; equal ones run in order of module and declaration. Default 0. */
  readonly priority?: number;
  /** A number of retries, a policy, or `false` for none. Default: the module's `retry`. */
  readonly retry?: number | RetryPolicy | false;
  /** `emit` leaves this handler to the backend instead of running it inline. Default false. */
  readonly async?: boolean;
  /** Longest time one try may take, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number;
  /** Run in every process of the service, not in one of them. Default false. */
  readonly broadcast?: boolean;
  /**
   * Pauses the handler's events from the backend while most of its calls fail. Options left out, or `true`, take the
   * module's. Default: the module's `circuitBreaker`.
   */
  readonly circuitBreaker?: boolean | CircuitBreakerOptions;
  /** `false`: the module's inbox does not watch this handler. Broadcast handlers are never watched. */
  readonly inbox?: false;
  /** `false`: replays never call this handler, for what it does must not be done again. Default: they may. */
  readonly replay?: false;
}

/** A handler to be: what to call, and who it is. */
export interface HandlerSpec {
  readonly id: string;
  readonly pattern: string;
  /** Identity of the method or function behind it: several patterns of one method share it. */
  readonly owner: object;
  /** How errors name it. */
  readonly label: string;
  readonly call: EventHandler;
  /** The call may go on after it has returned. */
  readonly suspends: boolean;
  readonly options: HandlerOptions;
}

/** What the factory needs of its bus. */
export interface HandlerFactoryHost {
  readonly bus: EventBus;
  readonly middleware: readonly EventMiddleware[];
  readonly defaultRetry: ResolvedRetryPolicy;
  readonly defaultCircuitBreaker: ResolvedCircuitBreaker | undefined;
  /** Aborts when shutdown ran out of time. */
  readonly lifetime: Interrupter;
  readonly backend: Pick<EventBackend, 'name' | 'capabilities' | 'subscribe'>;
  readonly inbox: Inbox | undefined;
  notify(notice: EventErrorNotice): void;
}

/** Completes handlers once, at registration, so that a delivery only has to call them. */
export class HandlerFactory {
  #order = 0;
  /** One circuit for all patterns of a handler. By its method or function, so that it goes with the last of them. */
  readonly #circuits = new WeakMap<object, Map<string, CircuitBreaker>>();

  constructor(private readonly host: HandlerFactoryHost) {}

  /** @throws {EventConfigurationError} naming the handler and the option that cannot be used. */
  make(spec: HandlerSpec): HandlerEntry {
    const { id, pattern, owner, label, call, suspends, options } = spec;
    const { priority = 0, retry, async = false, timeoutMs, broadcast = false } = options;
    assertOptions(options, label);
    if (broadcast) this.#assertCanBroadcast(label);
    const { bus, middleware, lifetime, defaultRetry } = this.host;
    const timed = timeoutMs === undefined ? call : withTimeout(call, timeoutMs);
    const invoke = middleware.length === 0 ? timed : compose(middleware, timed);
    // A broadcast handler is to run in every process, and an inbox is for one run in all of them.
    const inbox = broadcast || options.inbox === false ? undefined : this.host.inbox;
    const guarded = inbox === undefined ? invoke : inbox.guard(id, invoke);
    const circuit = this.#circuitOf(spec);
    const transactions = this.host.inbox?.unmarked(id) ?? unmarkedTransactions(id, undefined);
    return {
      id,
      pattern,
      owner,
      label,
      priority,
      order: this.#order++,
      async,
      broadcast,
      replay: options.replay !== false,
      retry: resolveRetryPolicy(retry, defaultRetry, `Handler ${label}`),
      suspends: suspends || timeoutMs !== undefined || middleware.length > 0 || inbox !== undefined,
      invoke,
      deliver: circuit === undefined ? guarded : withCircuitBreaker(guarded, id, circuit, this.host),
      circuit,
      firstTry: new CallContext(id, bus, [lifetime], transactions),
    };
  }

  #circuitOf({ id, owner, label, options }: HandlerSpec): CircuitBreaker | undefined {
    const { defaultCircuitBreaker } = this.host;
    const resolved = resolveCircuitBreaker(options.circuitBreaker, defaultCircuitBreaker, `Handler ${label}`);
    if (resolved === undefined) return undefined;
    let circuits = this.#circuits.get(owner);
    if (circuits === undefined) this.#circuits.set(owner, (circuits = new Map()));
    let circuit = circuits.get(id);
    if (circuit === undefined) circuits.set(id, (circuit = new CircuitBreaker(resolved, monotonicMs)));
    return circuit;
  }

  #assertCanBroadcast(label: string): void {
    const { name, capabilities, subscribe } = this.host.backend;
    if (subscribe === undefined || capabilities?.broadcast) return;
    throw new EventConfigurationError(
      `Handler ${label} is a broadcast handler, but the backend '${name}' cannot deliver an event to every process. Remove 'broadcast', or use a backend with that capability.`,
    );
  }
}

function assertOptions(options: HandlerOptions, label: string): void {
  const { priority = 0, timeoutMs } = options;
  const { inbox, replay }: { inbox?: unknown; replay?: unknown } = options; // whatever JavaScript may give
  const refused = (option: string, value: unknown, rule: string) =>
    new EventConfigurationError(`Handler ${label} has ${option} ${String(value)}, but it must be ${rule}.`);
  if (!Number.isFinite(priority)) throw refused('priority', priority, 'a number');
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0)) {
    throw refused('timeoutMs =', timeoutMs, 'a number of milliseconds above 0');
  }
  if (inbox !== undefined && inbox !== false)
    throw refused('inbox =', inbox, "false, or left out: the store is the module's");
  if (replay !== undefined && replay !== false)
    throw refused('replay =', replay, 'false, or left out: a replay chooses its handlers itself');
}

const monotonicMs = () => performance.now();
