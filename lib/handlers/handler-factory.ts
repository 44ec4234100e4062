import type { EventBackend } from '../backends/backend.js';
import { CallContext, type Interrupter, withTimeout } from '../dispatch/call-context.js';
import { compose, type EventMiddleware } from '../dispatch/middleware.js';
import { resolveRetryPolicy, type ResolvedRetryPolicy, type RetryPolicy } from '../dispatch/retry-policy.js';
import { EventConfigurationError } from '../errors.js';
import type { EventBus } from '../event-bus.js';
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
}

/** A handler to be: what to call, and who it is. */
export interface HandlerSpec {
  readonly id: string;
  readonly pattern: string;
  /** Identity of the method or function behind it: several patterns of one method share it. */
  readonly owner: unknown;
  /** How errors name it. */
  readonly label: string;
  readonly call: EventHandler;
  /** The call may go on after it has returned. */
  readonly suspends: boolean;
  readonly options: HandlerOptions;
}

/** Completes handlers once, at registration, so that a delivery only has to call them. */
export class HandlerFactory {
  #order = 0;

  constructor(
    private readonly bus: EventBus,
    private readonly middleware: readonly EventMiddleware[],
    private readonly defaultRetry: ResolvedRetryPolicy,
    private readonly lifetime: Interrupter,
    private readonly backend: Pick<EventBackend, 'name' | 'capabilities' | 'subscribe'>,
  ) {}

  /** @throws {EventConfigurationError} naming the handler and the option that cannot be used. */
  make({ id, pattern, owner, label, call, suspends, options }: HandlerSpec): HandlerEntry {
    const { priority = 0, retry, async = false, timeoutMs, broadcast = false } = options;
    if (!Number.isFinite(priority)) {
      throw new EventConfigurationError(
        `Handler ${label} has priority ${String(priority)}, but it must be a number.`,
      );
    }
    if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0)) {
      throw new EventConfigurationError(
        `Handler ${label} has timeoutMs = ${String(timeoutMs)}, but it must be a number of milliseconds above 0.`,
      );
    }
    if (broadcast) this.#assertCanBroadcast(label);
    const timed = timeoutMs === undefined ? call : withTimeout(call, timeoutMs);
    return {
      id,
      pattern,
      owner,
      label,
      priority,
      order: this.#order++,
      async,
      broadcast,
      retry: resolveRetryPolicy(retry, this.defaultRetry, `Handler ${label}`),
      suspends: suspends || timeoutMs !== undefined || this.middleware.length > 0,
      invoke: this.middleware.length === 0 ? timed : compose(this.middleware, timed),
      firstTry: new CallContext(id, this.bus, [this.lifetime]),
    };
  }

  #assertCanBroadcast(label: string): void {
    const { name, capabilities, subscribe } = this.backend;
    if (subscribe === undefined || capabilities?.broadcast) return;
    throw new EventConfigurationError(
      `Handler ${label} is a broadcast handler, but the backend '${name}' cannot deliver an event to every process. Remove 'broadcast', or use a backend with that capability.`,
    );
  }
}
