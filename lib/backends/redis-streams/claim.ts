import type { Delivery } from '../backend.js';
import type { HandlerAttempt } from '../../dead-letters/dead-letter.js';
import type { Envelope, Fields } from './codec.js';

/**
 * An entry that this process holds, from its reading until Redis confirmed what became of it. It is also the
 * delivery that the dispatcher sees: one object per event.
 */
export class Claim implements Delivery {
  readonly audience = 'group';
  handlerId: string | undefined;
  attempt: number | undefined;
  attempts: readonly HandlerAttempt[] | undefined;
  deadLetterId: string | undefined;
  /** The lease was lost: somebody else has the entry, and this process may not settle it. */
  lost = false;
  #abort: AbortController | undefined;

  constructor(
    /** Key of the stream. */
    readonly stream: string,
    readonly id: string,
    readonly fields: Fields,
    /** Server time, in Unix milliseconds, before which nobody else can have claimed the entry. */
    public deadline: number,
    /** How often it was taken up, this time included. */
    public deliveries: number,
  ) {}

  /** Seen before: taken up more than once, or addressed to one handler because of an earlier try. */
  get redelivered(): boolean {
    return this.deliveries > 1 || this.handlerId !== undefined || this.deadLetterId !== undefined;
  }

  /** Made when somebody asks: most handlers never do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.lost) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Takes over what travelled beside the event. */
  open(envelope: Envelope): void {
    this.handlerId = envelope.handlerId;
    this.attempt = envelope.attempt;
    this.attempts = envelope.attempts;
    this.deadLetterId = envelope.deadLetterId;
    this.deliveries += envelope.deliveries ?? 0;
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
