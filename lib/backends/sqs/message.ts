import type { Message } from '@aws-sdk/client-sqs';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import { EventSerializationError } from '../../errors.js';
import type { Event } from '../../event.js';
import { decodeEvent } from '../../wire/cloud-events.js';
import type { DeliveryFacts } from '../shared/owned-delivery.js';

/** Attribute: Unix milliseconds before which the message must not reach a handler. */
export const NOT_BEFORE = 'events-not-before';
/** Attribute: whom the message is for and what was before, as JSON. */
export const DELIVERY = 'events-delivery';
/** Attribute of a message that is run alone: how often it was begun with and never finished. */
export const BEGUN = 'events-begun';
/** Attribute: what the body is. */
export const CONTENT_TYPE = 'content-type';
/** Of the messages that are written here. */
export const STRUCTURED = 'application/cloudevents+json';

/** How our own CloudEvents begin. */
const OURS = '{"specversion"';
/** SQS takes the characters of XML 1.0. JSON can say those two otherwise, and escapes all others by itself. */
const NOT_XML = /[\uFFFE\uFFFF]/;

/** JSON in characters that SQS takes. */
export function legalJson(json: string): string {
  if (!NOT_XML.test(json)) return json;
  return json.replaceAll('\uFFFE', '\\uFFFE').replaceAll('\uFFFF', '\\uFFFF');
}

/** The text of an attribute; undefined where it is missing or no text. */
export function attribute(message: Message, name: string): string | undefined {
  return message.MessageAttributes?.[name]?.StringValue;
}

/** All attributes that are text. */
export function attributesOf({ MessageAttributes = {} }: Message): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const name in MessageAttributes) {
    const { StringValue } = MessageAttributes[name]!;
    if (StringValue !== undefined) texts[name] = StringValue;
  }
  return texts;
}

/**
 * Reads a message: a CloudEvent as its body (structured mode, as it is written here), or with attributes whose names
 * begin with `ce-` beside its data (binary mode).
 *
 * @throws {EventSerializationError} when it is neither.
 */
export function readEvent(message: Message): Event {
  const { Body = '' } = message;
  if (Body.startsWith(OURS)) return decodeEvent(Body);
  const contentType = attribute(message, CONTENT_TYPE)?.toLowerCase();
  if (
    contentType?.startsWith('application/cloudevents') !== true &&
    attribute(message, 'ce-id') !== undefined
  )
    return decodeEvent(binaryMode(message, Body));
  return decodeEvent(Body);
}

/** @throws {EventSerializationError} when the attribute is not JSON. */
export function readFacts(message: Message): DeliveryFacts | undefined {
  const json = attribute(message, DELIVERY);
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json) as DeliveryFacts;
  } catch (cause) {
    throw new EventSerializationError(`The attribute ${DELIVERY} of a message is not JSON.`, { cause });
  }
}

/** The message as dead letters hold it. */
export function rawOf(message: Message): RawMessage {
  return { body: message.Body ?? '', encoding: 'utf8', headers: attributesOf(message) };
}

function binaryMode(message: Message, body: string): Record<string, unknown> {
  const event: Record<string, unknown> = {};
  const texts = attributesOf(message);
  for (const name in texts) if (name.startsWith('ce-')) event[name.slice(3)] = texts[name];
  try {
    event['data'] = JSON.parse(body);
  } catch (cause) {
    throw new EventSerializationError('A message is not a readable CloudEvent: its data is not JSON.', {
      cause,
    });
  }
  return event;
}
