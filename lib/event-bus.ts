import type { ModuleRef } from '@nestjs/core';
import type { BackendHealth } from './backends/backend.js';
import { DeadLetterQueue } from './dead-letters/dead-letter-queue.js';
import { compose, type EmitContext, type EmitStep } from './dispatch/middleware.js';
import type { EmitOptions } from './emit/emit-options.js';
import { delayOf, nameOf } from './emit/envelope.js';
import { DONE, runInline } from './emit/inline.js';
import type { EmitReceipt } from './emit/publisher.js';
import type { ErrorStream } from './error-stream.js';
import { EventPublishError } from './errors.js';
import type { Event } from './event.js';
import { BusParts, type BusState } from './bus-parts.js';
import type { DataOf, EmitArguments, EventKey, EventOf, ValidPattern } from './event-types.js';
import type { ResolvedEventsOptions } from './events-options.js';
import { DynamicHandlers } from './handlers/dynamic-handlers.js';
import type { EventHandler } from './handlers/handler.js';
import type { HandlerOptions } from './handlers/handler-factory.js';
import type { DispatchPlan } from './handlers/handler-registry.js';
import type { EventObserver } from './observer.js';
import { isEventDefinition } from './schema/define-event.js';

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
  readonly retried: number;
  readonly deadLettered: number;
  /** Deliveries being handled now. */
  readonly running: number;
  /** Registered handlers. */
  readonly handlers: number;
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
  /** What could not be handled, with list, retry and discard. */
  readonly deadLetters: DeadLetterQueue;
  /** Name of this bus; `undefined` for the unnamed one. */
  readonly name: string | undefined;
  /** @internal */
  readonly parts: BusParts;
  readonly #dynamic: DynamicHandlers;
  readonly #emitMiddleware: boolean;
  readonly #correlate: boolean;

  /** @internal The module makes buses; outside Nest, `createEventBus()` does. */
  constructor(options: ResolvedEventsOptions) {
    this.parts = new BusParts(this, options);
    this.name = options.name;
    this.errors = this.parts.notices.stream;
    this.deadLetters = new DeadLetterQueue(this.parts.deadLetterStore, this.parts.redeliver);
    this.#dynamic = new DynamicHandlers(this.parts);
    this.#correlate = options.correlation;
    this.#emitMiddleware = options.emitMiddleware.length > 0;
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
    try {
      this.parts.assertUsable();
      const name = nameOf(type);
      const plan = this.parts.registry.plan(name);
      if (this.#isPlain(type, plan)) {
        const event = this.parts.envelopes.make(name, data, plan.definition, options);
        return runInline(event, plan.all, this.#correlate);
      }
      return this.#emit('emitSync', type, data, options, (event) =>
        runInline(event, plan.all, this.#correlate),
      );
    } catch (error) {
      return Promise.reject(error as Error);
    }
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
    try {
      this.parts.assertUsable();
      const name = nameOf(type);
      const plan = this.parts.registry.plan(name);
      if (this.#isPlain(type, plan)) {
        const event = this.parts.envelopes.make(name, data, plan.definition, options);
        return this.parts.publisher.publish(event, delayOf(options));
      }
      return this.#publishChecked('emitAsync', type, data, options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /**
   * Runs the plain handlers inline and leaves those with `async: true` to the backend. The inline ones come first;
   * when one fails, nothing is published.
   *
   * @throws (rejects with) what an inline handler threw, or as `emitAsync`.
   */
  async emit<K extends EventKey>(type: K, ...args: EmitArguments<K, EmitOptions>): Promise<void>;
  async emit(type: EventKey, data?: unknown, options?: EmitOptions): Promise<void> {
    this.parts.assertUsable();
    const { inline, deferred } = this.parts.registry.plan(nameOf(type));
    const inlinedBy = inline.handlers.length > 0 ? this.parts.options.source : undefined;
    // Nobody else can see an in-process backend, so an event without handlers there need not go through it.
    const publish = deferred.handlers.length > 0 || this.parts.backend.capabilities?.shared !== false;
    const delayMs = delayOf(options);
    await this.#emit(
      'emit',
      type,
      data,
      options,
      async (event) => {
        if (publish) this.parts.publisher.assertCanDelay(event, delayMs);
        await runInline(event, inline, this.#correlate);
        if (publish) await this.parts.publisher.publish(event, delayMs);
      },
      inlinedBy,
    );
  }

  /**
   * Publishes many events, in one round trip where the backend can.
   *
   * @param entries The events. An invalid one fails alone.
   * @returns One result per entry, in order: `fulfilled` with the receipt or `rejected` with the reason.
   */
  async emitBatch<const K extends readonly EventKey[]>(entries: {
    readonly [I in keyof K]: EmitBatchEntry<K[I]>;
  }): Promise<PromiseSettledResult<EmitReceipt>[]> {
    this.parts.assertUsable();
    const results: PromiseSettledResult<EmitReceipt>[] = [];
    const ready: { event: Event; delayMs?: number; index: number }[] = [];
    await Promise.all(
      (entries as readonly EmitBatchEntry[]).map(async ({ type, data, options }, index) => {
        try {
          await this.#emit('emitBatch', type, data, options, (event) => {
            const delayMs = delayOf(options);
            this.parts.publisher.assertCanDelay(event, delayMs);
            ready.push({ event, delayMs, index });
            return DONE;
          });
        } catch (reason) {
          results[index] = { status: 'rejected', reason };
        }
      }),
    );
    const receipts = await this.parts.publisher.publishAll(ready);
    receipts.forEach((receipt, i) => {
      results[ready[i]!.index] =
        receipt instanceof Error
          ? { status: 'rejected', reason: receipt }
          : { status: 'fulfilled', value: receipt };
    });
    return results;
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

  /** Starts consuming. The module calls it after bootstrap unless `autoStart` is false. May be called twice. */
  start(): Promise<void> {
    return this.parts.lifecycle.start();
  }

  /** Stops consuming and waits up to `drainTimeoutMs` for running handlers. Emitting stays possible. */
  drain(): Promise<void> {
    return this.parts.lifecycle.drain();
  }

  /** Drains, publishes what is waiting and closes the backend. May be called twice. */
  close(): Promise<void> {
    return this.parts.lifecycle.close();
  }

  async health(): Promise<EventBusHealth> {
    const { backend, lifecycle } = this.parts;
    const own = await (backend.health?.() ?? Promise.resolve<BackendHealth>({ status: 'up' }));
    const status = lifecycle.state === 'closed' ? 'down' : own.status;
    return { ...own, status, backend: backend.name, state: lifecycle.state };
  }

  async stats(): Promise<EventBusStats> {
    const { publisher, dispatcher, settlement, registry, backend } = this.parts;
    return {
      published: publisher.published,
      publishing: publisher.pending,
      handled: dispatcher.handled,
      retried: settlement.retried,
      deadLettered: settlement.deadLettered,
      running: dispatcher.running,
      handlers: new Set([...registry.entries()].map(({ id }) => id)).size,
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

  /** Nothing but making the envelope stands between the caller and the handlers. */
  #isPlain(type: EventKey, plan: DispatchPlan): boolean {
    return !this.#emitMiddleware && plan.definition?.schema === undefined && typeof type === 'string';
  }

  async #publishChecked(
    mode: EmitContext['mode'],
    type: EventKey,
    data: unknown,
    options: EmitOptions | undefined,
  ): Promise<EmitReceipt> {
    let receipt: EmitReceipt | undefined;
    await this.#emit(mode, type, data, options, async (event) => {
      receipt = await this.parts.publisher.publish(event, delayOf(options));
    });
    return receipt!;
  }

  /** Checks the data, makes the event and takes it through the emit middleware to its last step. */
  async #emit(
    mode: EmitContext['mode'],
    type: EventKey,
    data: unknown,
    options: EmitOptions | undefined,
    last: (event: Event) => Promise<void>,
    inlinedBy?: string,
  ): Promise<void> {
    const { registry, schemas, envelopes, options: busOptions } = this.parts;
    const name = nameOf(type);
    const definition = isEventDefinition(type) ? type : registry.plan(name).definition;
    const checked = schemas.onEmit(definition, data);
    const value = checked instanceof Promise ? await checked : checked;
    const event = envelopes.make(name, value, definition, options, inlinedBy);
    if (definition !== undefined) schemas.mark(event);
    if (!this.#emitMiddleware) return last(event);
    let passed = false;
    const innermost: EmitStep = (passedOn) => {
      passed = true;
      return last(passedOn);
    };
    await compose(busOptions.emitMiddleware, innermost)(event, { mode, options: options ?? {} });
    if (!passed) {
      throw new EventPublishError(
        `Event '${name}' (${event.id}) was held back by emit middleware: it did not call next().`,
      );
    }
  }
}
