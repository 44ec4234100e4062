import { ALL_HANDLERS, type RawMessage } from '../../dead-letters/dead-letter.js';
import type { DispatchOutcome } from '../backend.js';
import { OwnedDelivery } from '../shared/owned-delivery.js';
import { pairs, PLAIN, readMessage, type Envelope, type Fields, type Message } from './codec.js';
import { rawEntry } from './raw-fields.js';

/** What keeps claims in order: it says when one may start, and what follows from its outcome. */
export interface Line {
  /** Asked right before its handlers start. If not, the line brings it again. */
  admits(claim: Claim): boolean;
  /** Its handlers ended. Without an outcome the dispatcher broke, and it has to run again. */
  concluded(claim: Claim, outcome: DispatchOutcome | undefined): void;
  /** Redis has what became of it. */
  settled(claim: Claim): void;
  /** Its handlers still run, but it is given away. */
  handBack(claim: Claim): void;
}

/** What is stored of an entry that stays pending, because handlers have to see it again. */
export interface Progress {
  /** Name of the field. */
  readonly field: string;
  /** Empty when nothing is left to do. */
  readonly left: string;
}

/**
 * An entry that this process holds, from its reading until Redis confirmed what became of it. It is also the
 * delivery that the dispatcher sees: one object per event.
 */
export class Claim extends OwnedDelivery {
  #envelope: Envelope = PLAIN;

  constructor(
    /** Key of the stream. */
    readonly stream: string,
    readonly id: string,
    readonly fields: Fields,
    /** Server time, in Unix milliseconds, before which nobody else can have claimed the entry. */
    public deadline: number,
    /** How often this entry was taken up, this time included. */
    public deliveries: number,
  ) {
    super();
  }

  get audience(): 'group' {
    return 'group';
  }

  get facts(): Envelope {
    return this.#envelope;
  }

  /** Seen before: taken up more than once, or here because of an earlier try. */
  get redelivered(): boolean {
    const { handlerId = ALL_HANDLERS, attempt = 1 } = this.#envelope;
    return this.taken > 1 || handlerId !== ALL_HANDLERS || attempt > 1 || this.deadLetterId !== undefined;
  }

  get raw(): RawMessage {
    const { fields } = this;
    if (fields[0] === 'event') return { body: fields[1]!, encoding: 'utf8', headers: {} };
    return rawEntry(Object.fromEntries(pairs(fields)));
  }

  /** How often the work was taken up, in earlier entries too. */
  get taken(): number {
    return this.deliveries + (this.#envelope.deliveries ?? 0);
  }

  /** Where it stands, if its event has a key and so a place in an order. */
  get line(): Line | undefined {
    return undefined;
  }

  /** What remains of it in its stream once its outcome is stored, if it has a line. */
  get progress(): Progress | undefined {
    return undefined;
  }

  /** @throws {EventSerializationError} when it is not an event. */
  read(): Message {
    return readMessage(this.fields);
  }

  /** Takes over what travelled beside the event. */
  open(envelope: Envelope): void {
    this.#envelope = envelope;
  }
}
