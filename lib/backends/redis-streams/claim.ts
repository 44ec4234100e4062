import type { Delivery } from '../backend.js';
import type { HandlerAttempt } from '../../dead-letters/dead-letter.js';
import { PLAIN, type Envelope, type Fields } from './codec.js';

/**
 * An entry that this process holds, from its reading until Redis confirmed what became of it. It is also the
 * delivery that the dispatcher sees: one object per event.
 */
export class Claim implements Delivery {
  /** The lease was lost: somebody else has the entry, and this process may not settle it. */
  lost = false;
  #envelope: Envelope = PLAIN;
  #abort: AbortController | undefined;

  constructor(
    /** Key of the stream. */
    readonly stream: string,
    readonly id: string,
    readonly fields: Fields,
    /** Server time, in Unix milliseconds, before which nobody else can have claimed the entry. */
    public deadline: number,
    /** How often this entry was taken up, this time included. */
    readonly deliveries: number,
  ) {}

  get audience(): 'group' {
    return 'group';
  }

  get handlerId(): string | undefined {
    return this.#envelope.handlerId;
  }

  get attempt(): number | undefined {
    return this.#envelope.attempt;
  }

  get attempts(): readonly HandlerAttempt[] | undefined {
    return this.#envelope.attempts;
  }

  get deadLetterId(): string | undefined {
    return this.#envelope.deadLetterId;
  }

  /** Seen before: taken up more than once, or addressed to one handler because of an earlier try. */
  get redelivered(): boolean {
    return this.taken > 1 || this.handlerId !== undefined || this.deadLetterId !== undefined;
  }

  /** Made when somebody asks: most handlers never do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.lost) this.#abort.abort();
    return this.#abort.signal;
  }

  /** How often the work was taken up, in earlier entries too. */
  get taken(): number {
    return this.deliveries + (this.#envelope.deliveries ?? 0);
  }

  /** Takes over what travelled beside the event. */
  open(envelope: Envelope): void {
    this.#envelope = envelope;
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
