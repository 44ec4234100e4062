import type { DispatchOutcome } from './backends/backend.js';
import { toError } from './dispatch/failure.js';
import type { Event } from './event.js';

/**
 * Watches a bus without taking part: the base of metrics, tracing and tests. Methods must not throw; what they
 * return is ignored. An event may be seen by several of them.
 */
export interface EventObserver {
  /** An event is about to be handed to the backend. */
  publishing?(event: Event): void;
  /** The backend did not take it. */
  publishFailed?(event: Event, error: Error): void;
  /** A delivery ended, with what its backend has to do now. Also called for retries. */
  dispatched?(event: Event, outcome: DispatchOutcome): void;
}

/** Passes what happens on to every observer; costs next to nothing while there is none. */
export class Observers implements Required<EventObserver> {
  #list: readonly EventObserver[] = [];

  add(observer: EventObserver): () => void {
    this.#list = [...this.#list, observer];
    return () => {
      this.#list = this.#list.filter((other) => other !== observer);
    };
  }

  publishing(event: Event): void {
    for (const observer of this.#list) guarded(() => observer.publishing?.(event));
  }

  publishFailed(event: Event, error: Error): void {
    for (const observer of this.#list) guarded(() => observer.publishFailed?.(event, error));
  }

  dispatched(event: Event, outcome: DispatchOutcome): void {
    for (const observer of this.#list) guarded(() => observer.dispatched?.(event, outcome));
  }
}

/** An observer that fails has no say in what becomes of an event. */
function guarded(observe: () => void): void {
  try {
    observe();
  } catch (error) {
    const { message, stack } = toError(error);
    process.emitWarning(`An observer of events failed: ${message}`, { detail: stack });
  }
}
