import type { ModuleRef } from '@nestjs/core';
import type { BackendHealth, EventBackend } from './backends/backend.js';
import { DeadLetterQueue } from './dead-letters/dead-letter-queue.js';
import { toError } from './dispatch/failure.js';
import type { EmitOptions } from './emit/emit-options.js';
import { Emitter } from './emit/emitter.js';
import { nameOf } from './emit/envelope.js';
import type { EmitReceipt } from './emit/publisher.js';
import type { ErrorStream } from './error-stream.js';
import { BusParts, type BusState } from './bus-parts.js';
import type { DataOf, EmitArguments, EventKey, EventOf, ValidPattern } from './event-types.js';
import type { ResolvedEventsOptions } from './events-options.js';
import { DynamicHandlers } from './handlers/dynamic-handlers.js';
import type { EventHandler } from './handlers/handler.js';
import type { HandlerOptions } from './handlers/handler-factory.js';
import type { EventObserver } from './observer.js';
import type { ShutdownReport } from './shutdown-report.js';
import type { EventStore } from './store/event-store.js';

/** One entry of `emitBatch`. */
export type EmitBatchEntry<K extends EventKey = EventKey> = {
  readonly type: K;
  readonly options?: EmitOptions;
} & (undefined extends DataOf<K> ? { readonly data?: DataOf<K> } : { readonly data: DataOf<K> });

/** Counters since the start, and gauges of now. */
export interface EventBusStats {
  /** Events the backend confirmed. */
  readonly published: number;
  /** Events on their way to the backend. */
  readonly publishing: number;
  /** Calls of handlers that succeeded, for events from the backend. */
  readonly handled: number;
  /** Calls that the inbox left out, because the handler had handled the event before. */
  readonly duplicates: number;
  readonly retried: number;
  readonly deadLettered: number;
  /** Deliveries being handled now. */
  readonly running: number;
  /** Registered handlers. */
  readonly handlers: number;
  /** Handlers whose events wait because their circuit is open or half-open. */
  readonly circuitsOpen: number;
  /** The backend's own figures. */
  readonly backend: Readonly<Record<string, number>>;
}

/** The backend's health, and whether this bus consumes. */
export interface EventBusHealth extends BackendHealth {
  readonly backend: string;
  readonly state: BusState;
}

/**
 * Emits events and knows their handlers. Inject it.
 *
 * @example
 * await this.bus.emitSync('before:signup', signup); // runs the handlers now; a failure rejects
 * await this.bus.emitAsync('after:signup', signup); // resolves when the backend has it
 */
export class EventBus {
  /** Failures as they happen, for those who watch: an `Observable` and an `AsyncIterable`. */
  readonly errors: ErrorStream;
  /** What could not be handled, with all that operators do about it. */
  readonly deadLetters: DeadLetterQueue;
  /** Name of this bus; `undefined` for the unnamed one. */
  readonly name: string | undefined;
  /** Where what is emitted is kept: the module's option `store`, if it has one. */
  readonly store: EventStore | undefined;
  /** @internal */
  readonly parts: BusParts;
  readonly #dynamic: DynamicHandlers;
  readonly #emitter: Emitter;

  /** @internal The module makes buses; outside Nest, `createEventBus()` does. */
  constructor(options: ResolvedEventsOptions) {
    this.parts = new BusParts(this, options);
    this.name = options.name;
    this.store = options.store?.store;
    this.errors = this.parts.notices.stream;
    const { deadLetterStore, redeliver, schemas, registry } = this.parts;
    this.deadLetters = new DeadLetterQueue(deadLetterStore, redeliver, {
      schemas,
      definitionOf: (type) => registry.plan(type).definition,
    });
    this.#dynamic = new DynamicHandlers(this.parts);
    this.#emitter = new Emitter(this.parts);
  }

  /**
   * Runs every handler of the event here and now, in order of priority. The first failure stops the rest.
   *
   * @param type Name, definition or class of the event.
   * @param data Its payload; checked against the definition's schema.
   * @returns Resolves when all handlers are done.
   * @throws (rejects with) exactly what the failing handler threw.
   * @throws {EventValidationError} @throws {EventBusNotReadyError} @throws {EventBusClosedError}
   */
  emitSync<K extends EventKey>(type: K, ...args: EmitArguments<K, EmitOptions>): Promise<void>;
  emitSync(type: EventKey, data?: unknown, options?: EmitOptions): Promise<void> {
    return this.#emitter.emitSync(type, data, options);
  }

  /**
   * Publishes the event once; the handlers of every service that listens run from the backend.
   *
   * @param type Name, definition or class of the event.
   * @param data Its payload; checked against the definition's schema.
   * @param options `delayMs` or `at` need a backend that can delay.
   * @returns Resolves with id and backend only when the backend confirmed the event.
   * @throws {EventValidationError} @throws {EventPublishError} @throws {QueueFullError}
   * @throws {EventConfigurationError} @throws {EventBusNotReadyError} @throws {EventBusClosedError}
   */
  emitAsync<K extends EventKey>(type: K, ...args: EmitArguments<K, EmitOptions>): Promise<EmitReceipt>;
  emitAsync(type: EventKey, data?: unknown, options?: EmitOptions): Promise<EmitReceipt> {
    return this.#emitter.emitAsync(type, data, options);
  }

  /**
   * Runs the plain handlers inline and leaves those with `async: true` to the backend. The inline ones come first;
   * when one fails, nothing is published.
   *
   * @throws (rejects with) what an inline handler threw, or as `emitAsync`.
   */
  emit<K extends EventKey>(type: K, ...args: EmitArguments<K, EmitOptions>): Promise<void>;
  emit(type: EventKey, data?: unknown, options?: EmitOptions): Promise<void> {
    return this.#emitter.emit(type, data, options);
  }

  /**
   * Publishes many events, in one round trip where the backend can.
   *
   * @param entries The events. An invalid one fails alone.
   * @returns One result per entry, in order: `fulfilled` with the receipt or `rejected` with the reason.
   */
  emitBatch<const K extends readonly EventKey[]>(entries: {
    readonly [I in keyof K]: EmitBatchEntry<K[I]>;
  }): Promise<PromiseSettledResult<EmitReceipt>[]> {
    return this.#emitter.emitBatch(entries);
  }

  /**
   * Adds a handler at run time.
   *
   * @returns A function that removes it again.
   * @throws {EventConfigurationError} when the event has too many handlers, or the id is taken.
   */
  on<const K extends EventKey | string>(
    pattern: ValidPattern<K>,
    handler: EventHandler<EventOf<NoInfer<K>>>,
    options?: HandlerOptions,
  ): () => void {
    return this.#dynamic.on(pattern, handler as EventHandler, options);
  }

  /** As {@link on}, until it has succeeded once. */
  once<const K extends EventKey | string>(
    pattern: ValidPattern<K>,
    handler: EventHandler<EventOf<NoInfer<K>>>,
    options?: HandlerOptions,
  ): () => void {
    return this.#dynamic.once(pattern, handler as EventHandler, options);
  }

  /** Removes a handler added by {@link on} or {@link once}; without `handler`, all of them for that pattern. */
  off(pattern: EventKey | string, handler?: EventHandler<never>): void {
    this.#dynamic.off(pattern, handler as EventHandler | undefined);
  }

  /** Whether an event of this name has a handler in this process. */
  hasHandlers(type: EventKey): boolean {
    return this.parts.registry.plan(nameOf(type)).all.handlers.length > 0;
  }

  /**
   * Resolves when everything this process accepted has been handled, retries included. Events that `delayMs` or
   * `at` hold back are not waited for.
   *
   * @param options.timeoutMs Longest wait in milliseconds. Default: no limit.
   * @throws {EventTimeoutError}
   */
  idle(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.parts.lifecycle.idle(options.timeoutMs);
  }

  /**
   * Takes back an event that `delayMs` or `at` holds back.
   *
   * @param eventId Its id, as the receipt or the caller's own `id` option has it.
   * @returns Whether it was still held back: then it is never delivered. `false` when it is due, handled or unknown.
   * @throws {EventConfigurationError} when the backend cannot take events back.
   */
  cancel(eventId: string): Promise<boolean> {
    return this.parts.publisher.cancel(eventId);
  }

  /** Starts consuming. The module calls it after bootstrap unless `autoStart` is false. May be called twice. */
  start(): Promise<void> {
    return this.parts.lifecycle.start();
  }

  /**
   * Stops consuming and waits up to `drainTimeoutMs` for running handlers, then aborts their signals and waits up to
   * `abortGraceMs`. Emitting stays possible. Never rejects.
   */
  drain(): Promise<ShutdownReport> {
    return this.parts.lifecycle.drain();
  }

  /**
   * Refuses what is emitted from now on, but for running handlers, drains, and closes the backend. May be called
   * twice. Never rejects.
   *
   * @returns What became of the deliveries that were under way, of earlier drains too.
   */
  close(): Promise<ShutdownReport> {
    return this.parts.lifecycle.close();
  }

  /** The backend's health; `degraded` at best while circuits are open, with their number and handlers in `details`. */
  async health(): Promise<EventBusHealth> {
    const { backend, lifecycle, registry } = this.parts;
    const own = withCircuits(await healthOf(backend), registry.openCircuits());
    const status = lifecycle.state === 'closed' ? 'down' : own.status;
    return { ...own, status, backend: backend.name, state: lifecycle.state };
  }

  async stats(): Promise<EventBusStats> {
    const { publisher, dispatcher, settlement, registry, backend } = this.parts;
    return {
      published: publisher.published,
      publishing: publisher.pending,
      handled: dispatcher.handled,
      duplicates: dispatcher.duplicates,
      retried: settlement.retried,
      deadLettered: settlement.deadLettered,
      running: dispatcher.running,
      handlers: new Set([...registry.entries()].map(({ id }) => id)).size,
      circuitsOpen: registry.openCircuits().length,
      backend: (await backend.stats?.()) ?? {},
    };
  }

  /**
   * Watches events pass, for metrics, tracing and tests.
   *
   * @returns A function that ends it.
   */
  observe(observer: EventObserver): () => void {
    return this.parts.observers.add(observer);
  }

  /**
   * Registers the handlers of a lazily loaded module, which Nest runs no lifecycle hooks for.
   *
   * @param moduleRef What `LazyModuleLoader.load()` returned.
   * @throws {EventConfigurationError} when the module is not of this application.
   */
  registerModule(moduleRef: ModuleRef): void {
    this.parts.registerModule(moduleRef);
  }
}

/** A backend that cannot tell its health is not well. */
async function healthOf(backend: EventBackend): Promise<BackendHealth> {
  try {
    return (await backend.health?.()) ?? { status: 'up' };
  } catch (error) {
    return { status: 'down', details: { error: toError(error).message } };
  }
}

function withCircuits(health: BackendHealth, openCircuits: readonly string[]): BackendHealth {
  if (openCircuits.length === 0) return health;
  const status = health.status === 'up' ? 'degraded' : health.status;
  return { status, details: { ...health.details, circuitsOpen: openCircuits.length, openCircuits } };
}
