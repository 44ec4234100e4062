import type { DispatchOutcome } from './backends/backend.js';
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
