import {
  HANDLED,
  HANDLED_NOW,
  type Delivery,
  type DispatchOutcome,
  type EventDispatcher,
} from '../backends/backend.js';
import { ALL_HANDLERS, UNREADABLE_EVENT } from '../dead-letters/dead-letter.js';
import { isThenable } from '../emit/inline.js';
import { UnrecoverableError } from '../errors.js';
import { createEvent, type Event } from '../event.js';
import type { EventBus } from '../event-bus.js';
import { type HandlerContext, type HandlerEntry, SKIPPED } from '../handlers/handler.js';
import {
  type DispatchPlan,
  groupOf,
  type HandlerGroup,
  type HandlerRegistry,
} from '../handlers/handler-registry.js';
import type { SchemaGate } from '../schema/schema-gate.js';
import { reviveEvent } from '../wire/cloud-events.js';
import { CallContext, type Interrupter } from './call-context.js';
import { causedBy, runApart } from './correlation.js';
import { missingHandler } from './deferral.js';
import type { ResolvedRetryPolicy } from './retry-policy.js';
import type { HandlerFailure, Settlement } from './settlement.js';

/** What the dispatcher needs of its bus. */
export interface DispatcherHost {
  readonly bus: EventBus;
  readonly source: string;
  readonly registry: HandlerRegistry;
  readonly schemas: SchemaGate;
  readonly defaultRetry: ResolvedRetryPolicy;
  /** What is deferred may reach another process, with handlers that this one does not have. */
  readonly othersMayHandle: boolean;
  /** Whether what handlers emit is linked to the event. */
  readonly correlate: boolean;
  /** Aborts when shutdown ran out of time. */
  readonly lifetime: Interrupter;
}

const NO_FACTS: Delivery = Object.freeze({});

/** Brings a delivery to its handlers, in order, each for itself: one that fails neither stops nor repeats another. */
export class Dispatcher {
  /** Deliveries whose handlers are running, or waiting for a retry inside this process. */
  running = 0;
  /** Deliveries that were taken up. */
  begun = 0;
  /** Calls of handlers that succeeded. */
  handled = 0;
  /** Calls that an inbox left out: the handler had handled the event before. */
  duplicates = 0;

  constructor(
    private readonly host: DispatcherHost,
    private readonly settlement: Settlement,
  ) {}

  readonly dispatch: EventDispatcher = (value, delivery = NO_FACTS) => {
    this.begun++;
    this.running++;
    let event: Event | undefined;
    try {
      event = reviveEvent(value);
      const plan = this.host.registry.plan(event.type);
      if (plan.definition === undefined) {
        this.host.schemas.onUnknown(event);
        return this.#deliver(event, plan, delivery);
      }
      const current = this.host.schemas.onConsume(event, plan.definition);
      if (current instanceof Promise) return this.#deliverLater(event, current, plan, delivery);
      return this.#deliver(current, plan, delivery);
    } catch (thrown) {
      if (event !== undefined) return this.#refuse(event, delivery, thrown);
      // It will be no more readable at the next try.
      return this.#refuse(unreadable(value), delivery, thrown, 0);
    }
  };

  async #deliverLater(
    original: Event,
    current: Promise<Event>,
    plan: DispatchPlan,
    delivery: Delivery,
  ): Promise<DispatchOutcome> {
    try {
      return await this.#deliver(await current, plan, delivery);
    } catch (thrown) {
      return this.#refuse(original, delivery, thrown);
    }
  }

  #deliver(event: Event, plan: DispatchPlan, delivery: Delivery): Promise<DispatchOutcome> {
    const group = this.#select(event, plan, delivery);
    const { correlate } = this.host;
    if (group.suspends) return runApart(correlate ? event : undefined, this.#run, event, group, delivery);
    return correlate ? causedBy(event, false, this.#run, group, delivery) : this.#run(event, group, delivery);
  }

  /** The handlers that this delivery is for. */
  #select(event: Event, { all, deferred }: DispatchPlan, delivery: Delivery): HandlerGroup {
    const { handlerId, audience, deferrals = 0 } = delivery;
    if (handlerId !== undefined && handlerId !== ALL_HANDLERS) {
      const handler = all.handlers.find(({ id }) => id === handlerId);
      if (handler !== undefined) return groupOf([handler]);
      const deferral = this.host.othersMayHandle
        ? missingHandler(handlerId, event.type, deferrals)
        : undefined;
      if (deferral !== undefined) throw deferral;
      throw new UnrecoverableError(
        `Handler '${handlerId}' is to be retried for event '${event.type}', but this process has no handler of that id for it.`,
      );
    }
    // Handlers that `emit` already ran in this service do not run again.
    const candidates = event.inlinedBy === this.host.source ? deferred : all;
    if (delivery.deadLetterId !== undefined && event.type === UNREADABLE_EVENT)
      throw notAnEvent(delivery.deadLetterId);
    return audience === undefined ? candidates : candidates[audience];
  }

  readonly #run = (
    event: Event,
    { handlers, suspends }: HandlerGroup,
    delivery: Delivery,
  ): Promise<DispatchOutcome> => {
    // Reading the clock costs as much as a handler that is over when it returns; such a one is not timed.
    const startedAt = suspends ? Date.now() : undefined;
    let failures: HandlerFailure[] | undefined;
    for (let i = 0; i < handlers.length; i++) {
      const handler = handlers[i]!;
      try {
        const result = handler.deliver(event, this.#contextFor(handler, delivery), delivery);
        if (isThenable(result)) {
          return i === handlers.length - 1 && failures === undefined && result instanceof Promise
            ? this.#awaitLast(event, handler, delivery, result, startedAt)
            : this.#runRest(event, handlers, delivery, i, result, startedAt, failures);
        }
        this.handled++;
      } catch (thrown) {
        (failures ??= []).push({ handler, thrown, startedAt: startedAt ?? Date.now() });
      }
    }
    if (failures !== undefined || delivery.deadLetterId !== undefined) {
      return this.#conclude(event, delivery, failures ?? []);
    }
    this.#succeeded(event, delivery);
    return HANDLED_NOW;
  };

  /** Most events have one handler, or one that is asynchronous: one promise less than {@link #runRest} makes. */
  #awaitLast(
    event: Event,
    handler: HandlerEntry,
    delivery: Delivery,
    running: Promise<unknown>,
    startedAt = Date.now(),
  ): Promise<DispatchOutcome> {
    return running.then(
      (result) => {
        this.#count(result);
        if (delivery.deadLetterId !== undefined) return this.#conclude(event, delivery, []);
        this.#succeeded(event, delivery);
        return HANDLED;
      },
      (thrown: unknown) => this.#conclude(event, delivery, [{ handler, thrown, startedAt }]),
    );
  }

  async #runRest(
    event: Event,
    handlers: readonly HandlerEntry[],
    delivery: Delivery,
    index: number,
    first: PromiseLike<unknown>,
    startedAt = Date.now(),
    failures: HandlerFailure[] = [],
  ): Promise<DispatchOutcome> {
    try {
      this.#count(await first);
    } catch (thrown) {
      failures.push({ handler: handlers[index]!, thrown, startedAt });
    }
    for (let i = index + 1; i < handlers.length; i++) {
      const handler = handlers[i]!;
      const at = Date.now();
      try {
        this.#count(await handler.deliver(event, this.#contextFor(handler, delivery), delivery));
      } catch (thrown) {
        failures.push({ handler, thrown, startedAt: at });
      }
    }
    if (failures.length > 0 || delivery.deadLetterId !== undefined)
      return this.#conclude(event, delivery, failures);
    this.#succeeded(event, delivery);
    return HANDLED;
  }

  #succeeded(event: Event, delivery: Delivery): void {
    this.running--;
    this.settlement.succeeded(event, delivery);
  }

  #count(result: unknown): void {
    if (result === SKIPPED) this.duplicates++;
    else this.handled++;
  }

  /** A first try with nothing special about it shares one context; everything else gets its own. */
  #contextFor(handler: HandlerEntry, delivery: Delivery): HandlerContext {
    const { attempt = 1, redelivered = false } = delivery;
    // Not its value: a backend may make the signal only when it is read, which few handlers do.
    const interruptible = 'signal' in delivery;
    if (attempt === 1 && !redelivered && !interruptible) return handler.firstTry;
    const { bus, lifetime } = this.host;
    const interrupters = interruptible ? [lifetime, delivery] : [lifetime];
    const again = redelivered || attempt > 1;
    return new CallContext(handler.id, bus, interrupters, handler.firstTry, attempt, again);
  }

  /** The event cannot be given to any handler: unreadable, unfit for its schema, or addressed to nobody here. */
  #refuse(
    event: Event,
    delivery: Delivery,
    thrown: unknown,
    maxRetries = this.host.defaultRetry.maxRetries,
  ): Promise<DispatchOutcome> {
    const retry = { ...this.host.defaultRetry, maxRetries };
    const handler = { id: delivery.handlerId ?? ALL_HANDLERS, retry };
    return this.#conclude(event, delivery, [{ handler, thrown, startedAt: Date.now() }]);
  }

  async #conclude(
    event: Event,
    delivery: Delivery,
    failures: readonly HandlerFailure[],
  ): Promise<DispatchOutcome> {
    try {
      return await this.settlement.conclude(event, delivery, failures);
    } finally {
      this.running--;
    }
  }
}

/** Stands in for a value that is not an event, so that it can be kept as a dead letter. */
function unreadable(value: unknown): Event {
  return createEvent(UNREADABLE_EVENT, value);
}

function notAnEvent(id: string): Error {
  return new UnrecoverableError(
    `Dead letter '${id}' holds no event that could be retried. Supply one with bus.deadLetters.editAndRetry(id, event), or discard it.`,
  );
}
