import { isUtf8 } from 'node:buffer';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { EventSerializationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { decodeEvent } from '../../wire/cloud-events.js';

/** Of the messages that are written here: structured mode of the NATS binding of CloudEvents. */
export const CONTENT_TYPE = 'application/cloudevents+json';

/** How our own CloudEvents begin. */
const OURS = '{"specversion"';
const text = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a message by the NATS binding of CloudEvents: structured mode, as it is written here, or binary mode.
 *
 * @throws {EventSerializationError} when it is neither.
 */
export function readEvent(message: Msg): Event {
  const body = bodyOf(message);
  if (body.startsWith(OURS)) return decodeEvent(body);
  const { headers } = message;
  const contentType = header(headers, 'content-type')?.toLowerCase();
  if (contentType?.startsWith('application/cloudevents') !== true && header(headers, 'ce-id') !== undefined) {
    return decodeEvent(binaryMode(headers!, body));
  }
  return decodeEvent(body);
}

/** The message as dead letters hold it. */
export function rawOf({ data, headers }: Msg): RawMessage {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const shown = Object.fromEntries((headers?.keys() ?? []).map((key) => [key, headers!.get(key)]));
  return isUtf8(bytes)
    ? { body: bytes.toString('utf8'), encoding: 'utf8', headers: shown }
    : { body: bytes.toString('base64'), encoding: 'base64', headers: shown };
}

/** The body as text. @throws {EventSerializationError} when it is none. */
function bodyOf({ data }: Msg): string {
  try {
    return text.decode(data);
  } catch (cause) {
    throw new EventSerializationError('A message is not a readable CloudEvent: it is not UTF-8.', { cause });
  }
}

function binaryMode(headers: MsgHdrs, body: string): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const name of headers.keys()) {
    if (/^ce-/i.test(name)) attributes[name.slice(3).toLowerCase()] = decoded(headers.get(name));
  }
  if (body === '') return attributes;
  try {
    attributes['data'] = JSON.parse(body);
  } catch (cause) {
    throw new EventSerializationError('A message is not a readable CloudEvent: its data is not JSON.', {
      cause,
    });
  }
  return attributes;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // a percent sign that stands for itself
  }
}

function header(headers: MsgHdrs | undefined, name: string): string | undefined {
  const key = headers?.keys().find((each) => each.toLowerCase() === name);
  return key === undefined ? undefined : headers!.get(key);
}
