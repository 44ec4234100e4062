import type { Delivery, DispatchOutcome, PublishReceipt } from './backends/backend.js';
import { toError } from './dispatch/failure.js';
import type { Event } from './event.js';

/**
 * Watches a bus without taking part: the base of metrics, tracing and tests. Methods must not throw; what they
 * return is ignored. An event may be seen by several of them.
 */
export interface EventObserver {
  /** An event is about to be handed to the backend. */
  publishing?(event: Event): void;
  /** The backend has it, or had it already. */
  published?(event: Event, receipt: PublishReceipt): void;
  /** The backend did not take it. */
  publishFailed?(event: Event, error: Error): void;
  /** A delivery ended, with what its backend has to do now. Also called for retries. */
  dispatched?(event: Event, outcome: DispatchOutcome, delivery: Delivery): void;
}

type Facts<M extends keyof EventObserver> = Parameters<Required<EventObserver>[M]>;

/** Passes what happens on to every observer. While there is none, which is most often, it costs a look at a length. */
export class Observers implements Required<EventObserver> {
  #list: readonly EventObserver[] = [];

  add(observer: EventObserver): () => void {
    this.#list = [...this.#list, observer];
    return () => {
      this.#list = this.#list.filter((other) => other !== observer);
    };
  }

  publishing(event: Event): void {
    if (this.#list.length > 0) this.#tell('publishing', event);
  }

  published(event: Event, receipt: PublishReceipt): void {
    if (this.#list.length > 0) this.#tell('published', event, receipt);
  }

  publishFailed(event: Event, error: Error): void {
    if (this.#list.length > 0) this.#tell('publishFailed', event, error);
  }

  dispatched(event: Event, outcome: DispatchOutcome, delivery: Delivery): void {
    if (this.#list.length > 0) this.#tell('dispatched', event, outcome, delivery);
  }

  /** An observer that fails has no say in what becomes of an event. */
  #tell<M extends keyof EventObserver>(method: M, ...facts: Facts<M>): void {
    for (const observer of this.#list) {
      try {
        (observer[method] as ((...facts: Facts<M>) => void) | undefined)?.apply(observer, facts);
      } catch (error) {
        const { message, stack } = toError(error);
        process.emitWarning(`An observer of events failed: ${message}`, { detail: stack });
      }
    }
  }
}
