import type { ModuleRef } from '@nestjs/core';
import type { BackendHost, Delivery, EventBackend } from './backends/backend.js';
import { BusLifecycle, type BusState } from './bus-lifecycle.js';
import type { DeadLetter, DeadLetterStore } from './dead-letters/dead-letter.js';
import { deadLetterHook } from './dead-letters/hook.js';
import { MemoryDeadLetterStore } from './dead-letters/memory-dead-letter-store.js';
import { wholeEventLetter } from './dead-letters/whole-event.js';
import { causeOf } from './dispatch/correlation.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { Settlement } from './dispatch/settlement.js';
import { Envelopes } from './emit/envelope.js';
import { Publisher } from './emit/publisher.js';
import type { EventRecorder } from './emit/recorder.js';
import { EventBusClosedError, EventBusNotReadyError, EventConfigurationError } from './errors.js';
import type { Event } from './event.js';
import type { EventBus } from './event-bus.js';
import type { ResolvedEventsOptions } from './events-options.js';
import { HandlerFactory } from './handlers/handler-factory.js';
import { HandlerRegistry } from './handlers/handler-registry.js';
import { Inbox } from './inbox/inbox.js';
import { Notices } from './notices.js';
import { Observers } from './observer.js';
import { SchemaGate } from './schema/schema-gate.js';

export type { BusState };

/** What a bus opens before it consumes and closes in the end. */
export interface Openable {
  /** How errors call it. */
  readonly name: string;
  open(): Promise<void>;
  close(): Promise<void>;
}

/** What a bus is made of, wired together. @internal */
export class BusParts {
  readonly backend: EventBackend;
  readonly registry: HandlerRegistry;
  readonly factory: HandlerFactory;
  readonly schemas: SchemaGate;
  readonly envelopes: Envelopes;
  readonly publisher: Publisher;
  /** Keeps what is emitted, where the module has a store. */
  readonly recorder: EventRecorder | undefined;
  readonly dispatcher: Dispatcher;
  readonly settlement: Settlement;
  readonly notices: Notices;
  readonly observers = new Observers();
  readonly lifecycle: BusLifecycle;
  readonly deadLetterStore: DeadLetterStore;
  readonly #deadLettered: (entry: DeadLetter) => void;
  readonly inbox: Inbox | undefined;
  readonly stores: readonly Openable[];
  /** Registers the handlers of a module loaded after boot; only a Nest application can. */
  registerModule: (moduleRef: ModuleRef) => void = () => {
    throw new EventConfigurationError(
      'registerModule() needs a bus of a Nest application that has initialised.',
    );
  };

  constructor(
    bus: EventBus,
    readonly options: ResolvedEventsOptions,
  ) {
    const { backend, source } = options;
    this.backend = backend;
    this.notices = new Notices(options.name, options.errorBufferSize, options.onError);
    this.registry = new HandlerRegistry(options.maxHandlersPerEvent);
    const { registry: schemas, policies } = options.schemas;
    for (const type of schemas.types()) this.registry.define(schemas.get(type)!);
    this.schemas = new SchemaGate(policies, (message) => this.notices.warn(message));
    this.envelopes = new Envelopes(source, options.correlation);
    this.publisher = new Publisher(backend, this.observers, options);
    this.recorder = this.#makeRecorder();
    this.deadLetterStore = options.deadLetters ?? backend.deadLetters ?? new MemoryDeadLetterStore();
    this.#deadLettered = deadLetterHook(options.onDeadLetter, (error) => this.notices.report(error));
    const backendRedelivers = backend.capabilities?.redelivery === true;
    // A backend that acts on outcomes stores dead letters in one step with its acknowledgement, if they are its own.
    const backendStores = backendRedelivers && this.deadLetterStore === backend.deadLetters;
    this.lifecycle = new BusLifecycle(this);
    const { lifetime } = this.lifecycle;
    const interrupter = { signal: lifetime };
    this.settlement = new Settlement({
      backendRedelivers,
      releasedComesAgain: backendRedelivers && backend.capabilities?.durable === true,
      deadLetters: backendStores ? undefined : this.deadLetterStore,
      lifetime,
      redeliver: (event, delivery) => this.dispatcher.dispatch(event, delivery),
      notify: this.notices.notify,
      deadLettered: this.#deadLettered,
      dispatched: (event, outcome, delivery) => this.observers.dispatched(event, outcome, delivery),
    });
    this.dispatcher = new Dispatcher(
      {
        bus,
        source,
        registry: this.registry,
        schemas: this.schemas,
        othersMayHandle: backendRedelivers && backend.capabilities?.shared !== false,
        defaultRetry: options.retry,
        correlate: options.correlation,
        lifetime: interrupter,
      },
      this.settlement,
    );
    const { notify } = this.notices;
    this.inbox = options.inbox && new Inbox(options.inbox, { source, lifetime, notify });
    this.factory = new HandlerFactory({
      bus,
      middleware: options.handleMiddleware,
      defaultRetry: options.retry,
      defaultCircuitBreaker: options.circuitBreaker,
      lifetime: interrupter,
      backend,
      inbox: this.inbox,
      notify,
    });
    this.stores = [
      ...openable(options.deadLetters, source),
      ...(this.inbox === undefined ? [] : [this.inbox]),
      ...(this.recorder === undefined ? [] : [this.recorder]),
    ];
    backend.attach?.(this.#host());
  }

  /** @throws {EventBusNotReadyError} @throws {EventBusClosedError} */
  assertUsable(): void {
    const { state } = this.lifecycle;
    if (state === 'new') {
      throw new EventBusNotReadyError(
        'The event bus has no handlers yet: they are registered when the application initialises. Emit from onModuleInit or later, not from a constructor; in a test, call app.init() first.',
      );
    }
    if (state === 'closing' && !this.#handlerEmits()) {
      throw new EventBusClosedError('The event bus is closing: the application shuts down.');
    }
    if (state === 'closed') {
      throw new EventBusClosedError('The event bus is closed: the application has shut down.');
    }
  }

  /** Gives a dead letter back to its handler: through the backend where it can, else right here. */
  readonly redeliver = async (event: Event, delivery: Delivery): Promise<void> => {
    if (this.backend.redeliver !== undefined) return this.backend.redeliver(event, delivery);
    this.assertUsable();
    void this.dispatcher.dispatch(event, delivery); // never rejects; the outcome goes to the entry
  };

  /** What handlers emit belongs to the events that are still to be handled. Who emits is only known by correlation. */
  #handlerEmits(): boolean {
    return this.dispatcher.running > 0 && (!this.options.correlation || causeOf() !== undefined);
  }

  #makeRecorder(): EventRecorder | undefined {
    const { source, store, backend } = this.options;
    const { publisher, registry, schemas } = this;
    return store?.store.recorder(store, {
      source,
      publisher,
      capabilities: backend.capabilities,
      outgoing: (event) => schemas.onPublish(event, registry.plan(event.type).definition),
      present: (event, unchecked) => {
        const { definition } = registry.plan(event.type);
        if (definition === undefined) return event;
        return unchecked ? schemas.unchecked(event, definition) : schemas.onConsume(event, definition);
      },
      report: (error) => this.notices.report(error),
    });
  }

  #host(): BackendHost {
    return {
      source: this.options.source,
      onKeyFailure: this.options.ordering?.onFailure ?? 'block-key',
      hasBroadcastHandlers: () => this.registry.hasBroadcasts(),
      patterns: () => this.registry.patterns(),
      handles: (type) => this.registry.handles(type),
      deadLetters: this.deadLetterStore === this.backend.deadLetters ? undefined : this.deadLetterStore,
      report: (error) => this.notices.report(error),
      // No handler has tried it, so the entry stands for all of them.
      deadLetter: (event, error) => this.keepDeadLetter(wholeEventLetter(event, error), error),
      deadLettered: (entry, error) => {
        this.#deadLettered(entry);
        this.#noticeOf(entry, error);
      },
    };
  }

  /** Keeps a dead letter that no delivery made, and tells of it. */
  async keepDeadLetter(letter: DeadLetter, error: Error): Promise<void> {
    this.#deadLettered(letter);
    await this.deadLetterStore.add([letter]);
    this.#noticeOf(letter, error);
  }

  #noticeOf({ event, handlerId, attempts, failedAt: at }: DeadLetter, error: Error): void {
    this.notices.notify({ error, event, handlerId, attempt: attempts.length, action: 'dead-letter', at });
  }
}

/** The module's own store of dead letters. That of a backend is the backend's business. */
function openable(store: DeadLetterStore | undefined, service: string): Openable[] {
  if (store === undefined) return [];
  return [
    {
      name: 'store of dead letters',
      open: async () => store.open?.(service),
      close: async () => store.close?.(),
    },
  ];
}
