import type { Delivery } from '../backend.js';
import type { HandlerAttempt } from '../../dead-letters/dead-letter.js';
import { EventSerializationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { decodeEvent, encodeEvent } from '../../wire/cloud-events.js';

/** Names and values in turns, as Redis keeps an entry. */
export type Fields = readonly string[];

/** What travels beside an event that is delivered again. */
export interface Envelope {
  readonly handlerId?: string;
  readonly attempt?: number;
  readonly attempts?: readonly HandlerAttempt[];
  readonly deadLetterId?: string;
  /** How often in a row the handler was not called. */
  readonly deferrals?: number;
  /** Deliveries of earlier entries for the same work, so that moving it does not hide a crash loop. */
  readonly deliveries?: number;
}

/** An entry of a stream, read. */
export interface Message {
  readonly event: Event;
  /** The event as CloudEvents JSON, as it came where it came so. */
  readonly wire: string;
  readonly envelope: Envelope;
}

/** Of an event that is delivered for the first time. */
export const PLAIN: Envelope = Object.freeze({});

/** The facts of a delivery that go into an envelope. */
export function envelopeOf({ handlerId, attempt, attempts, deadLetterId, deferrals }: Delivery): Envelope {
  return { handlerId, attempt, attempts, deadLetterId, deferrals };
}

/** Fields of an entry for an event that is delivered again. */
export function fieldsOf(wire: string, envelope: Envelope): string[] {
  return ['event', wire, 'delivery', JSON.stringify(envelope)];
}

/**
 * The same on one line each, for scripts: neither contains a raw newline, because JSON escapes it. An event without
 * an envelope has an empty first line.
 */
export function payloadOf(wire: string, envelope?: Envelope): string {
  return `${envelope ? JSON.stringify(envelope) : ''}\n${wire}`;
}

/**
 * Reads an entry: structured CloudEvents in the field `event`, or the binary form with attributes in fields `ce-*` or
 * `ce_*` and the data in `data`.
 *
 * @throws {EventSerializationError} when it is neither.
 */
export function readMessage(fields: Fields): Message {
  if (fields.length === 2 && fields[0] === 'event') {
    const wire = fields[1]!;
    return { event: decodeEvent(wire), wire, envelope: PLAIN };
  }
  const byName = Object.fromEntries(pairs(fields));
  const envelope = readEnvelope(byName['delivery']);
  const structured = byName['event'];
  if (structured !== undefined) return { event: decodeEvent(structured), wire: structured, envelope };
  const event = decodeBinary(byName);
  return { event, wire: encodeEvent(event), envelope };
}

/** The envelope of an entry whose event may be unreadable. */
export function readEnvelope(json: string | undefined): Envelope {
  if (json === undefined) return PLAIN;
  try {
    return JSON.parse(json) as Envelope;
  } catch (cause) {
    throw new EventSerializationError(
      `Field 'delivery' of a Redis entry is not JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** Names with their values. */
export function* pairs(fields: Fields): Generator<[string, string]> {
  for (let i = 0; i + 1 < fields.length; i += 2) yield [fields[i]!, fields[i + 1]!];
}

function decodeBinary(byName: Readonly<Record<string, string>>): Event {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(byName)) {
    const attribute = /^ce[-_](.+)$/i.exec(name)?.[1];
    if (attribute !== undefined) attributes[attribute.toLowerCase()] = value;
  }
  if (attributes['id'] === undefined) {
    throw new EventSerializationError(
      `A Redis entry has neither a field 'event' nor fields 'ce-id', 'ce-type' and 'ce-source', but: ` +
        `${Object.keys(byName).join(', ')}.`,
    );
  }
  attributes['data'] = decodeData(byName);
  return decodeEvent(attributes);
}

function decodeData(byName: Readonly<Record<string, string>>): unknown {
  const data = byName['data'];
  const contentType = byName['content-type'] ?? byName['datacontenttype'] ?? byName['ce_datacontenttype'];
  if (data === undefined || (contentType !== undefined && !/json/i.test(contentType))) return data;
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new EventSerializationError(
      `Field 'data' of a Redis entry is not JSON: ${(cause as Error).message} Name its 'content-type' if it is not meant to be.`,
      { cause },
    );
  }
}
