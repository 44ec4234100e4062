import {
  ALL_HANDLERS,
  type DeadLetter,
  type DeadLetterStore,
  UNREADABLE_EVENT,
} from '../../dead-letters/dead-letter.js';
import { createDeadLetter } from '../../dead-letters/create-dead-letter.js';
import { failedAttempt } from '../../dispatch/failure.js';
import { EventHandlerError } from '../../errors.js';
import { createEvent } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type { Claim } from './claim.js';
import { pairs, readEnvelope, type Envelope, type Message } from './codec.js';
import type { RedisConnection } from '../../clients/redis/connection.js';
import { mayBeMangled, rawEntry, toRawFields, type RawFields } from './raw-fields.js';
import type { Decision, Settler } from './settler.js';

const NOTHING: Decision = { retries: [], deadLetters: [], resolved: [] };

/** Makes dead letters of entries that must not reach a handler. */
export class Rejects {
  constructor(
    private readonly connection: RedisConnection,
    private readonly settler: Settler,
    private readonly maxDeliveries: number,
    /** Where they go, if not to the store that settling writes to. */
    private readonly store: DeadLetterStore | undefined,
    private readonly report: (error: Error) => void,
    private readonly deadLettered: (entry: DeadLetter, error: Error) => void,
  ) {}

  /** Keeps what an entry holds that is not an event, byte for byte, so that an operator can see it. */
  async unreadable(claim: Claim, error: Error): Promise<void> {
    const { delivery, ...fields } = await this.#rawFields(claim);
    const event = createEvent(UNREADABLE_EVENT, fields, { id: `${claim.stream}:${claim.id}` });
    const message = { event, wire: encodeEvent(event), envelope: envelopeOrNothing(delivery) };
    this.#bury(claim, message, error, rawEntry(fields));
  }

  /** Whether the entry was taken up too often without an end: it probably kills the process that handles it. */
  crashLooping(claim: Claim, message: Message): boolean {
    if (claim.taken <= this.maxDeliveries) return false;
    const { type } = message.event;
    const error = new EventHandlerError(
      `Event '${type}' was taken up ${claim.taken - 1} times and never finished, which is the limit ` +
        `(maxDeliveries is ${this.maxDeliveries}): its handler crashes the process, or stops it for longer than the lease.`,
    );
    this.#bury(claim, message, error);
    return true;
  }

  async #rawFields({ stream, id, fields }: Claim): Promise<RawFields> {
    if (!mayBeMangled(fields)) return Object.fromEntries(pairs(fields));
    try {
      const client = await this.connection.open();
      const [entry] = (await client.callBuffer('xrange', stream, id, id)) as [Buffer, Buffer[]][];
      if (entry) return toRawFields(entry[1]);
    } catch (error) {
      this.report(error as Error);
    }
    return Object.fromEntries(pairs(fields));
  }

  #bury(claim: Claim, { event, wire, envelope }: Message, error: Error, raw = claim.raw): void {
    const handlerId = envelope.handlerId ?? ALL_HANDLERS;
    const attempts = [...(envelope.attempts ?? []), failedAttempt(error, Date.now())];
    const entry = createDeadLetter(event, handlerId, attempts, { id: envelope.deadLetterId, raw });
    this.deadLettered(entry, error);
    const { store } = this;
    if (store === undefined) {
      this.settler.settle(claim, event.id, wire, { ...NOTHING, deadLetters: [entry] });
    } else {
      this.settler.settle(claim, event.id, wire, NOTHING, () => store.add([entry]));
    }
  }
}

/** What there is to know beside an unreadable event; its own facts may be unreadable, too. */
function envelopeOrNothing(json: RawFields[string] | undefined): Envelope {
  try {
    return typeof json === 'string' ? readEnvelope(json) : {};
  } catch {
    return {};
  }
}
