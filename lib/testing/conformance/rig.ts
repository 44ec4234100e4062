import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { EventBackend } from '../../backends/backend.js';
import { createEventBus } from '../../create-event-bus.js';
import type { DeadLetter } from '../../dead-letters/dead-letter.js';
import type { RetryPolicy } from '../../dispatch/retry-policy.js';
import type { EventErrorNotice } from '../../error-stream.js';
import type { Event } from '../../event.js';
import type { EventBus } from '../../event-bus.js';
import type { EventsModuleOptions } from '../../events-options.js';
import type { HandlerContext } from '../../handlers/handler.js';
import type {
  BackendFactory,
  BackendFactoryContext,
  ConformanceCapabilities,
  ConformanceOptions,
  Requirement,
} from './options.js';

const POLL_MS = 5;
const QUIET_MS = 100;
/** Longest orderly shutdown of a bus, in milliseconds. */
const DRAIN_TIMEOUT_MS = 2000;

/** Retries that do not make a test slow. */
const QUICK_RETRY: RetryPolicy = { maxRetries: 2, initialBackoffMs: 10, backoffMultiplier: 1 };

/** One call of a handler. */
export interface Call {
  readonly handlerId: string;
  readonly attempt: number;
  readonly redelivered: boolean;
  readonly event: Event;
  readonly data: unknown;
  /** When it began, in milliseconds of `performance.now()`. */
  readonly at: number;
}

/** A bus on a backend of the factory. */
export interface Instance {
  readonly bus: EventBus;
  readonly backend: EventBackend;
  readonly notices: EventErrorNotice[];
}

interface Closable extends Instance {
  /** What each call of the backend's `close` returned. */
  readonly closings: readonly Promise<void>[];
}

/** Everything that one case builds and that has to be gone after it. */
export class Rig {
  readonly namespace = `conformance-${randomUUID().slice(0, 8)}`;
  /** Every call of the handlers made by {@link handler}. */
  readonly calls: Call[] = [];
  readonly timeoutMs: number;
  readonly toleranceMs: number;
  readonly #instances: Closable[] = [];
  readonly #cleanups: (() => unknown)[] = [];

  constructor(
    private readonly factory: BackendFactory,
    readonly capabilities: ConformanceCapabilities,
    readonly options: ConformanceOptions,
  ) {
    this.timeoutMs = options.timeoutMs ?? 5000;
    this.toleranceMs = options.toleranceMs ?? 1000;
  }

  context(group = 'service-a'): BackendFactoryContext {
    return { namespace: this.namespace, group };
  }

  /** Makes a bus that is not started yet. */
  async make(group?: string, options: EventsModuleOptions = {}): Promise<Instance> {
    const context = this.context(group);
    const backend = await this.factory(context);
    const notices: EventErrorNotice[] = [];
    const bus = createEventBus({
      backend,
      source: context.group,
      retry: QUICK_RETRY,
      drainTimeoutMs: DRAIN_TIMEOUT_MS,
      onError: (notice) => notices.push(notice),
      ...options,
    });
    const closings: Promise<void>[] = [];
    const close = backend.close.bind(backend);
    backend.close = () => {
      const closing = close();
      closings.push(closing);
      return closing;
    };
    const instance = { bus, backend, notices, closings };
    this.#instances.push(instance);
    return instance;
  }

  /** Makes a bus, gives it handlers and starts it. */
  async start(
    define: (bus: EventBus) => void,
    group?: string,
    options?: EventsModuleOptions,
  ): Promise<Instance> {
    const instance = await this.make(group, options);
    define(instance.bus);
    await instance.bus.start();
    return instance;
  }

  /** A handler that records its calls in {@link calls}, then does what it is given. */
  handler(
    act?: (call: Call, context: HandlerContext) => unknown,
  ): (event: Event, context: HandlerContext) => unknown {
    return (event, context) => {
      const { handlerId, attempt, redelivered } = context;
      const call = { handlerId, attempt, redelivered, event, data: event.data, at: performance.now() };
      this.calls.push(call);
      return act?.(call, context);
    };
  }

  /** The calls of one handler, or of one handler for one payload. */
  callsOf(handlerId: string, data?: unknown): Call[] {
    return this.calls.filter(
      (call) => call.handlerId === handlerId && (data === undefined || call.data === data),
    );
  }

  /** Waits for a condition, and fails with what was awaited. */
  async until<T>(
    what: string,
    condition: () => T | Promise<T>,
    timeoutMs = this.timeoutMs,
  ): Promise<NonNullable<T>> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const value = await condition();
      if (value) return value;
      assert.ok(
        performance.now() < deadline,
        `Waited ${timeoutMs} ms in vain for ${what}.${this.#recentCalls()}`,
      );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /**
   * Gives calls that must not come the time to come. Nothing can tell that something does not happen; the time is
   * ten times the backoff of {@link QUICK_RETRY}.
   */
  settle(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }

  /** Waits for the dead letter of a handler. */
  deadLetter(
    bus: EventBus,
    handlerId: string,
    accept: (entry: DeadLetter) => boolean = () => true,
  ): Promise<DeadLetter> {
    return this.until(`a dead letter of handler '${handlerId}'`, async () => {
      const { entries } = await bus.deadLetters.list({ handlerId });
      return entries.find((entry) => entry.status === 'dead' && accept(entry));
    });
  }

  /** A promise for handlers to wait for. Opened at the end of the case, if it was not before. */
  gate(): { readonly passed: Promise<void>; readonly open: () => void } {
    let open!: () => void;
    const passed = new Promise<void>((resolve) => (open = resolve));
    this.#cleanups.push(open);
    return { passed, open };
  }

  cleanup(run: () => unknown): void {
    this.#cleanups.push(run);
  }

  /** Closes every bus, and sees to it that every backend was closed and that closing ended. */
  async close(): Promise<void> {
    for (const run of this.#cleanups.splice(0)) await run();
    const failures: unknown[] = [];
    for (const instance of this.#instances) {
      await this.#closeOne(instance).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #closeOne({ bus, backend, closings }: Closable): Promise<void> {
    await this.#bounded(bus.close(), `bus.close() with backend '${backend.name}'`);
    assert.ok(closings.length > 0, `Backend '${backend.name}' was not closed by its bus.`);
    await this.#bounded(backend.close(), `a repeated close() of backend '${backend.name}'`);
    await Promise.all(closings); // the bus reports a close() that rejects and goes on: here it is a failure
  }

  async #bounded(work: Promise<void>, what: string): Promise<void> {
    const limitMs = 2 * DRAIN_TIMEOUT_MS + this.timeoutMs;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new assert.AssertionError({ message: `${what} did not end within ${limitMs} ms.` })),
        limitMs,
      );
    });
    try {
      await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #recentCalls(): string {
    const recent = this.calls
      .slice(-10)
      .map(({ handlerId, attempt, event }) => `${handlerId} #${attempt} of '${event.type}'`);
    return recent.length === 0 ? ' No handler was called.' : ` Latest calls: ${recent.join(', ')}.`;
  }
}

/** One thing that a backend has to do. */
export interface ConformanceCase {
  readonly name: string;
  /** Capabilities and options without which the case makes no sense. */
  readonly needs?: readonly Requirement[];
  readonly run: (rig: Rig) => Promise<void>;
}
