import type { ModuleRef } from '@nestjs/core';
import type { BackendHost, Delivery, EventBackend } from './backends/backend.js';
import { BusLifecycle, type BusState } from './bus-lifecycle.js';
import type { DeadLetterStore } from './dead-letters/dead-letter.js';
import { MemoryDeadLetterStore } from './dead-letters/memory-dead-letter-store.js';
import { wholeEventLetter } from './dead-letters/whole-event.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { Settlement } from './dispatch/settlement.js';
import { Envelopes } from './emit/envelope.js';
import { Publisher } from './emit/publisher.js';
import { EventBusClosedError, EventBusNotReadyError, EventConfigurationError } from './errors.js';
import type { Event } from './event.js';
import type { EventBus } from './event-bus.js';
import type { ResolvedEventsOptions } from './events-options.js';
import { HandlerFactory } from './handlers/handler-factory.js';
import { HandlerRegistry } from './handlers/handler-registry.js';
import { Notices } from './notices.js';
import { Observers } from './observer.js';
import { SchemaGate } from './schema/schema-gate.js';

export type { BusState };

/** What a bus is made of, wired together. @internal */
export class BusParts {
  readonly backend: EventBackend;
  readonly registry: HandlerRegistry;
  readonly factory: HandlerFactory;
  readonly schemas = new SchemaGate();
  readonly envelopes: Envelopes;
  readonly publisher: Publisher;
  readonly dispatcher: Dispatcher;
  readonly settlement: Settlement;
  readonly notices: Notices;
  readonly observers = new Observers();
  readonly lifecycle: BusLifecycle;
  readonly deadLetterStore: DeadLetterStore;
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
    for (const definition of options.schemas) this.registry.define(definition);
    this.envelopes = new Envelopes(source, options.correlation);
    this.publisher = new Publisher(backend, this.observers, options.batching);
    this.deadLetterStore = options.deadLetters ?? backend.deadLetters ?? new MemoryDeadLetterStore();
    const backendRedelivers = backend.capabilities?.redelivery === true;
    // A backend that acts on outcomes stores dead letters in one step with its acknowledgement, if they are its own.
    const backendStores = backendRedelivers && this.deadLetterStore === backend.deadLetters;
    this.lifecycle = new BusLifecycle(this);
    const { lifetime } = this.lifecycle;
    const interrupter = { signal: lifetime };
    this.settlement = new Settlement({
      backendRedelivers,
      deadLetters: backendStores ? undefined : this.deadLetterStore,
      lifetime,
      redeliver: (event, delivery) => this.dispatcher.dispatch(event, delivery),
      notify: this.notices.notify,
      dispatched: (event, outcome) => this.observers.dispatched(event, outcome),
    });
    this.dispatcher = new Dispatcher(
      {
        bus,
        source,
        registry: this.registry,
        schemas: this.schemas,
        defaultRetry: options.retry,
        correlate: options.correlation,
        lifetime: interrupter,
      },
      this.settlement,
    );
    this.factory = new HandlerFactory(bus, options.handleMiddleware, options.retry, interrupter, backend);
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
    if (state === 'closed') {
      throw new EventBusClosedError('The event bus is closed: the application has shut down.');
    }
  }

  /** Gives a dead letter back to its handler: through the backend where it can, else right here. */
  readonly redeliver = async (event: Event, delivery: Delivery): Promise<void> => {
    if (this.backend.redeliver !== undefined) return this.backend.redeliver(event, delivery);
    void this.dispatcher.dispatch(event, delivery); // never rejects; the outcome goes to the entry
  };

  #host(): BackendHost {
    return {
      source: this.options.source,
      hasBroadcastHandlers: () => [...this.registry.entries()].some(({ broadcast }) => broadcast),
      report: (error) => this.notices.report(error),
      deadLetter: (event, error) => this.#deadLetter(event, error),
    };
  }

  /** The backend refused an event as a whole: no handler has tried it, so the entry stands for all of them. */
  async #deadLetter(event: Event, error: Error): Promise<void> {
    const letter = wholeEventLetter(event, error);
    await this.deadLetterStore.add([letter]);
    this.notices.notify({
      error,
      event,
      handlerId: letter.handlerId,
      attempt: 1,
      action: 'dead-letter',
      at: letter.failedAt,
    });
  }
}
