import { isUtf8 } from 'node:buffer';
import type { Message } from 'amqplib';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { EventSerializationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { decodeEvent } from '../../wire/cloud-events.js';

/** Of the messages that are written here: structured mode of CloudEvents. */
export const CONTENT_TYPE = 'application/cloudevents+json';

/** How our own CloudEvents begin. */
const OURS = '{"specversion"';
/**
 * How the names of attributes begin among the headers in binary mode: by the binding for AMQP 1.0, with both of its
 * separators, and as in the bindings for other protocols, which programs use where there is none for AMQP 0-9-1.
 */
const ATTRIBUTE = /^(?:cloudEvents[_:]|ce[-_])/i;
const text = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a message as a CloudEvent in structured mode, as it is written here, or in binary mode.
 *
 * @throws {EventSerializationError} when it is neither.
 */
export function readEvent({ content, properties }: Message): Event {
  const body = textOf(content);
  if (body.startsWith(OURS)) return decodeEvent(body);
  const { contentType, headers = {} } = properties;
  const structured = String(contentType).toLowerCase().startsWith('application/cloudevents');
  const attributes = structured ? {} : attributesOf(headers);
  if (attributes['id'] === undefined) return decodeEvent(body);
  return decodeEvent(body === '' ? attributes : { ...attributes, data: dataOf(body) });
}

/** The message as dead letters hold it. */
export function rawOf({ content, properties }: Message): RawMessage {
  const headers = Object.fromEntries(
    Object.entries(properties.headers ?? {}).map(([name, value]) => [name, shown(value)]),
  );
  return isUtf8(content)
    ? { body: content.toString('utf8'), encoding: 'utf8', headers }
    : { body: content.toString('base64'), encoding: 'base64', headers };
}

/** @throws {EventSerializationError} when it is not UTF-8. */
export function textOf(content: Buffer): string {
  try {
    return text.decode(content);
  } catch (cause) {
    throw new EventSerializationError('A message is not a readable CloudEvent: it is not UTF-8.', { cause });
  }
}

function attributesOf(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (ATTRIBUTE.test(name)) attributes[name.replace(ATTRIBUTE, '').toLowerCase()] = valueOf(value);
  }
  return attributes;
}

/** AMQP has times of its own, in seconds. */
function valueOf(value: unknown): unknown {
  const { '!': kind, value: seconds } = (value ?? {}) as { '!'?: string; value?: number };
  return kind === 'timestamp' ? new Date(Number(seconds) * 1000).toISOString() : value;
}

function dataOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new EventSerializationError('A message is not a readable CloudEvent: its data is not JSON.', {
      cause,
    });
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
