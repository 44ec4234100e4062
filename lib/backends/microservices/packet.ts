import type { BaseRpcContext, ConsumerDeserializer } from '@nestjs/microservices';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { EventSerializationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { uuidv7 } from '../../event-id.js';
import { decodeEvent } from '../../wire/cloud-events.js';
import { typeOf } from './channels.js';

/** The pattern of a request that nobody has a handler for. Its answer says that what came before it was read. */
export const CONFIRMATION = 'nestjs-durable-events.confirmation';

/** What plain handlers find as their payload: the whole event, or its data alone. */
export type PayloadKind = 'event' | 'data';

/** What came over a transport. */
export interface Packet {
  readonly payload: unknown;
  /** Where it came from, without the prefix. */
  readonly channel: string;
  readonly context: BaseRpcContext;
  /** Absent when it is no event. */
  readonly event: Event | undefined;
}

/**
 * What Nest is to send of an event.
 *
 * @throws {EventSerializationError} for data that Nest does not send: `null`, and none at all.
 */
export function payloadOf(event: Event, wire: string, kind: PayloadKind): unknown {
  if (kind === 'event') return JSON.parse(wire) as unknown;
  if (event.data !== undefined && event.data !== null)
    return JSON.parse(JSON.stringify(event.data)) as unknown;
  throw new EventSerializationError(
    `Event '${event.type}' has no data, and Nest does not send empty payloads. Set option 'payload' of MicroservicesBackend to 'event', or give it data.`,
  );
}

/** The event in a payload, if it is one. What others send is one with `data`: it has the name of its channel. */
export function eventIn(payload: unknown, channel: string, kind: PayloadKind): Event | undefined {
  try {
    if (isCloudEvent(payload)) return decodeEvent(payload);
  } catch {
    return undefined;
  }
  if (kind === 'event' || channel === '') return undefined;
  return decodeEvent({ id: uuidv7(), type: typeOf(channel), source: 'microservices', data: payload });
}

/** The event of a packet. @throws {EventSerializationError} that says why it is none. */
export function eventOf({ event, payload }: Packet): Event {
  return event ?? decodeEvent(isCloudEvent(payload) ? payload : textOf(payload));
}

/** The packet as dead letters hold it. */
export function rawOf({ payload, channel }: Packet): RawMessage {
  return { body: textOf(payload), encoding: 'utf8', headers: { pattern: channel } };
}

/**
 * Reads whatever comes: what Nest's own reader cannot read never arrives at a handler. A request is read as an event, so
 * that it gets no answer.
 */
export const READ_ALL: ConsumerDeserializer = {
  deserialize(value: unknown, options?: Record<string, unknown>) {
    const body = isNatsMessage(value) ? parsed(value.string()) : value;
    const channel = options?.['channel'];
    if (!isObject(body) || isCloudEvent(body)) return { pattern: channel, data: body };
    if (body['pattern'] === CONFIRMATION) return { ...(body as { pattern: string }), data: '' };
    if (body['pattern'] === undefined && body['data'] === undefined) return { pattern: channel, data: body };
    return { pattern: body['pattern'] ?? channel, data: body['data'] };
  },
};

interface NatsMessage {
  string(): string;
}

function isNatsMessage(value: unknown): value is NatsMessage {
  return isObject(value) && typeof value['string'] === 'function';
}

function isCloudEvent(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && 'specversion' in value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function textOf(payload: unknown): string {
  return typeof payload === 'string' ? payload : (JSON.stringify(payload) ?? '');
}
