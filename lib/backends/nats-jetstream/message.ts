import type { Msg } from '@nats-io/transport-node';
import { EventSerializationError } from '../../errors.js';
import type { DeliveryFacts } from '../shared/owned-delivery.js';

/** Header: Unix milliseconds before which the message must not reach a handler. */
export const NOT_BEFORE = 'Events-Not-Before';
/** Header: whom the message is for and what was before, as JSON. */
export const DELIVERY = 'Events-Delivery';
/** What is due so soon is waited for by the process that has it, in milliseconds: a round trip would take as long. */
export const SOON_MS = 15;

/**
 * Where to acknowledge: `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`, or the
 * same with a domain and an account in front of the stream, and something random at the end.
 */
const PLACE = /^\$JS\.ACK\.(?:[^.]+\.[^.]+\.)?[^.]+\.[^.]+\.(\d+)\.(\d+)\.\d+\.\d+\.(\d+)(?:\.[^.]+)?$/;

/** What the server tells of a message beside it. */
export interface Place {
  /** How often it was handed out. */
  readonly deliveries: number;
  /** Its place in the stream. */
  readonly sequence: number;
  /** Messages behind it that the consumer was not given. */
  readonly pending: number;
}

/** Reads it from the subject of its acknowledgement. */
export function placeOf({ reply }: Msg): Place {
  const [, deliveries, sequence, pending] = PLACE.exec(reply!)!;
  return { deliveries: Number(deliveries), sequence: Number(sequence), pending: Number(pending) };
}

/** @throws {EventSerializationError} when the header is not JSON. */
export function readFacts(message: Msg): DeliveryFacts | undefined {
  const json = message.headers?.get(DELIVERY);
  if (!json) return undefined;
  try {
    return JSON.parse(json) as DeliveryFacts;
  } catch (cause) {
    throw new EventSerializationError(`The header ${DELIVERY} of a message is not JSON.`, { cause });
  }
}

/** When a message is due, in Unix milliseconds; 0 when it always was. */
export function dueAt({ headers }: Msg): number {
  const notBefore = Number(headers?.get(NOT_BEFORE));
  return Number.isFinite(notBefore) ? notBefore : 0;
}

/** The same of a message as the stream keeps it. @param headers As they are sent. */
export function storedDueAt(headers: string): number {
  return Number(new RegExp(`^${NOT_BEFORE}: *(\\d+)`, 'm').exec(headers)?.[1] ?? 0);
}
