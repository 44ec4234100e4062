import { isUtf8 } from 'node:buffer';
import type { KafkaRecord } from '../../clients/kafka/client.js';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { EventSerializationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { decodeEvent } from '../../wire/cloud-events.js';
import type { DeliveryFacts } from '../shared/owned-delivery.js';

/** Of the records that are written here: structured mode of the Kafka binding of CloudEvents. */
export const CONTENT_TYPE = 'application/cloudevents+json; charset=UTF-8';
/** Header: Unix milliseconds before which the record must not reach a handler. */
export const NOT_BEFORE = 'events-not-before';
/** Header: whom the record is for and what was before, as JSON. */
export const DELIVERY = 'events-delivery';
/** Header: the topic to which the record goes when its time has come. */
export const TOPIC = 'events-topic';

/** How our own CloudEvents begin. */
const OURS = '{"specversion"';
const text = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a record by the Kafka binding of CloudEvents: structured mode, as it is written here, or binary mode.
 *
 * @throws {EventSerializationError} when it is neither.
 */
export function readEvent(record: KafkaRecord): Event {
  const body = bodyOf(record);
  if (body.startsWith(OURS)) return decodeEvent(body);
  const contentType = headerOf(record, 'content-type')?.toLowerCase();
  const isStructured = contentType?.startsWith('application/cloudevents') === true;
  if (!isStructured && headerOf(record, 'ce_id') !== undefined) return decodeEvent(binaryMode(record, body));
  return decodeEvent(body);
}

/** @throws {EventSerializationError} when the header is not JSON. */
export function readFacts(record: KafkaRecord): DeliveryFacts | undefined {
  const json = headerOf(record, DELIVERY);
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json) as DeliveryFacts;
  } catch (cause) {
    throw new EventSerializationError(`The header ${DELIVERY} of a record is not JSON.`, { cause });
  }
}

/** When the record is due, in Unix milliseconds; 0 when it says nothing of it. */
export function dueAtOf(record: KafkaRecord): number {
  const time = Number(headerOf(record, NOT_BEFORE) ?? 0);
  return Number.isFinite(time) ? time : 0;
}

/** The record as dead letters hold it. */
export function rawOf({ value, headers }: KafkaRecord): RawMessage {
  const bytes = value ?? Buffer.alloc(0);
  const shown = Object.fromEntries(
    headers.map(([name, content]) => [String(name ?? ''), String(content ?? '')]),
  );
  return isUtf8(bytes)
    ? { body: bytes.toString('utf8'), encoding: 'utf8', headers: shown }
    : { body: bytes.toString('base64'), encoding: 'base64', headers: shown };
}

/** A header by its name; the case of letters does not count. */
export function headerOf({ headers }: KafkaRecord, name: string): string | undefined {
  for (const [key, content] of headers) {
    if (key?.length === name.length && key.toString('utf8').toLowerCase() === name)
      return (content ?? '').toString();
  }
  return undefined;
}

/** The body as text. @throws {EventSerializationError} when it is none. */
function bodyOf({ value }: KafkaRecord): string {
  try {
    return value === null ? '' : text.decode(value);
  } catch (cause) {
    throw new EventSerializationError('A record is not a readable CloudEvent: it is not UTF-8.', { cause });
  }
}

function binaryMode({ headers }: KafkaRecord, body: string): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const [key, content] of headers) {
    const name = String(key ?? '').toLowerCase();
    if (name.startsWith('ce_')) attributes[name.slice(3)] = String(content ?? '');
  }
  if (body === '') return attributes;
  try {
    attributes['data'] = JSON.parse(body);
  } catch (cause) {
    throw new EventSerializationError('A record is not a readable CloudEvent: its data is not JSON.', {
      cause,
    });
  }
  return attributes;
}
