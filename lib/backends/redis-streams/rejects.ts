import type { HandlerRetry } from '../backend.js';
import { ALL_HANDLERS, deadLetterId, type DeadLetter } from '../../dead-letters/dead-letter.js';
import { EventHandlerError } from '../../errors.js';
import { createEvent } from '../../event.js';
import { encodeEvent } from '../../wire/cloud-events.js';
import type { Claim } from './claim.js';
import { pairs, readEnvelope, type Envelope, type Message } from './codec.js';
import type { RedisConnection } from './connection.js';
import { mayBeMangled, toRawFields, type RawFields } from './raw-fields.js';
import type { Settler } from './settler.js';

/** Type of the event that stands in for an entry that is not one. */
const UNREADABLE = 'unreadable';
const NO_RETRIES: readonly HandlerRetry[] = [];

/** Makes dead letters of entries that must not reach a handler. */
export class Rejects {
  constructor(
    private readonly connection: RedisConnection,
    private readonly settler: Settler,
    private readonly maxDeliveries: number,
    private readonly report: (error: Error) => void,
  ) {}

  /** Keeps what an entry holds that is not an event, byte for byte, so that an operator can see it. */
  async unreadable(claim: Claim, error: Error): Promise<void> {
    this.report(error);
    const { delivery, ...fields } = await this.#rawFields(claim);
    const event = createEvent(UNREADABLE, fields, { id: `${claim.stream}:${claim.id}` });
    const message = { event, wire: encodeEvent(event), envelope: envelopeOrNothing(delivery) };
    this.#bury(claim, message, error, JSON.stringify(fields));
  }

  /** Whether the entry was taken up too often without an end: it probably kills the process that handles it. */
  crashLooping(claim: Claim, message: Message): boolean {
    if (claim.taken <= this.maxDeliveries) return false;
    const { type } = message.event;
    const error = new EventHandlerError(
      `Event '${type}' was taken up ${claim.taken - 1} times and never finished, which is the limit ` +
        `(maxDeliveries is ${this.maxDeliveries}): its handler crashes the process, or stops it for longer than the lease.`,
    );
    this.report(error);
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

  #bury(claim: Claim, { event, wire, envelope }: Message, error: Error, raw?: string): void {
    const handlerId = envelope.handlerId ?? ALL_HANDLERS;
    const { name, message, stack } = error;
    const entry: DeadLetter = {
      id: envelope.deadLetterId ?? deadLetterId(event.id, handlerId),
      event,
      handlerId,
      status: 'dead',
      attempts: [
        ...(envelope.attempts ?? []),
        { at: Date.now(), durationMs: 0, error: { name, message, stack } },
      ],
      failedAt: new Date(),
      ...(raw !== undefined && { raw }),
    };
    this.settler.settle(claim, event.id, wire, {
      retries: NO_RETRIES,
      deadLetters: [entry],
      resolved: [],
    });
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
