import type { HandlerAttempt, RawMessage } from '../../dead-letters/dead-letter.js';
import type { Delivery } from '../backend.js';

/** Who a delivery is for, and how far it came, where that is not everybody for the first time. */
export type DeliveryFacts = Pick<
  Delivery,
  'handlerId' | 'attempt' | 'attempts' | 'deferrals' | 'deadLetterId'
>;

/**
 * What this process holds of a broker, and nobody else may settle. It is also the delivery that the dispatcher sees: one
 * object per event.
 */
export abstract class OwnedDelivery implements Delivery {
  /** Somebody else has it: this process may not settle it. */
  lost = false;
  /** Settled, or given back. */
  settled = false;
  #abort: AbortController | undefined;

  /** Absent: all handlers, for the first time. */
  abstract get facts(): DeliveryFacts | undefined;
  abstract get redelivered(): boolean;
  abstract get raw(): RawMessage;

  get handlerId(): string | undefined {
    return this.facts?.handlerId;
  }

  get attempt(): number | undefined {
    return this.facts?.attempt;
  }

  get attempts(): readonly HandlerAttempt[] | undefined {
    return this.facts?.attempts;
  }

  get deferrals(): number | undefined {
    return this.facts?.deferrals;
  }

  get deadLetterId(): string | undefined {
    return this.facts?.deadLetterId;
  }

  /** Made when somebody asks: most handlers never do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.lost) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Interrupts its handlers. */
  abort(): void {
    this.#abort?.abort();
  }

  lose(): void {
    this.lost = true;
    this.abort();
  }
}
