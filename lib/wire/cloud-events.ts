import { EventSerializationError } from '../errors.js';
import {
  DEFAULT_SOURCE,
  Event,
  type EventExtras,
  type EventJson,
  type EventMetadata,
  NO_METADATA,
} from '../event.js';
import { formatTime, parseTime } from './iso-time.js';

/*
 * The wire form is a CloudEvents 1.0 structured-mode JSON object, so that any language can read and write it.
 * Attribute names follow the specification: lower-case letters and digits only. `partitionkey`, `correlationid`
 * and `causationid` are official extensions; `schemaversion`, `inlinedby`, `eventmetadata` and the metadata ids
 * are ours.
 */

const METADATA_ATTRIBUTES = [
  ['userId', 'userid'],
  ['tenantId', 'tenantid'],
  ['requestId', 'requestid'],
  ['traceId', 'traceid'],
] as const;

/** The name and source of events repeat endlessly: their JSON is made once, within a bound. */
const quoted = new Map<string, string>();
function quote(text: string): string {
  let json = quoted.get(text);
  if (json === undefined) {
    json = JSON.stringify(text);
    if (quoted.size < 1000) quoted.set(text, json);
  }
  return json;
}

/** Ids are different each time, and nearly always need nothing but quotes. */
const PLAIN_TEXT = /^[\w.:-]*$/;
function quoteId(id: string): string {
  return PLAIN_TEXT.test(id) ? `"${id}"` : JSON.stringify(id);
}

/**
 * Writes an event as CloudEvents 1.0 JSON.
 *
 * @throws {EventSerializationError} when the data cannot be JSON: a cycle, a BigInt.
 */
export function encodeEvent(event: Event): string {
  let data: string | undefined;
  try {
    data = JSON.stringify(event.data);
  } catch (cause) {
    throw new EventSerializationError(
      `The data of event '${event.type}' cannot be written as JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
  const { id, correlationId, causationId, key, inlinedBy } = event;
  // What a reader takes for granted is left out: version 1, and data that is JSON.
  let json =
    `{"specversion":"1.0","id":${quoteId(id)},"source":${quote(event.source)},"type":${quote(event.type)}` +
    `,"time":"${formatTime(event.createdAtMs)}"`;
  if (event.version !== 1) json += `,"schemaversion":${event.version}`;
  if (correlationId !== id) json += `,"correlationid":${quoteId(correlationId)}`;
  if (causationId !== undefined) json += `,"causationid":${quoteId(causationId)}`;
  if (key !== undefined) json += `,"partitionkey":${JSON.stringify(key)}`;
  if (inlinedBy !== undefined) json += `,"inlinedby":${quote(inlinedBy)}`;
  if (event.metadata !== NO_METADATA) json += metadataAttributes(event.metadata);
  if (data !== undefined) json += `,"data":${data}`;
  return json + '}';
}

function metadataAttributes(metadata: EventMetadata): string {
  let json = '';
  for (const [field, attribute] of METADATA_ATTRIBUTES) {
    const value = metadata[field];
    if (value !== undefined) json += `,"${attribute}":${JSON.stringify(value)}`;
  }
  // Attribute values are strings, so the free-form part travels as JSON inside one.
  if (metadata.custom !== undefined) {
    json += `,"eventmetadata":${JSON.stringify(JSON.stringify(metadata.custom))}`;
  }
  return json;
}

/**
 * Reads CloudEvents 1.0 JSON, as text or already parsed.
 *
 * @throws {EventSerializationError} when it is not JSON, lacks `id`, `type` or `source`, or has binary data.
 */
export function decodeEvent(wire: string | Readonly<Record<string, unknown>>): Event {
  const attributes = typeof wire === 'string' ? parseObject(wire) : wire;
  const { id, type, source, time, schemaversion, data } = attributes;
  requireText(id, 'id');
  requireText(type, 'type');
  requireText(source, 'source');
  if (isPresent(attributes['data_base64'])) throw unreadable(`its data is binary ('data_base64'), not JSON`);
  const createdAt = isPresent(time) ? parseTime(String(time)) : Date.now();
  if (Number.isNaN(createdAt)) throw unreadable(`its 'time' is not a date: ${JSON.stringify(time)}`);
  const extras: EventExtras = {
    id,
    key: text(attributes['partitionkey']),
    correlationId: text(attributes['correlationid']),
    causationId: text(attributes['causationid']),
    inlinedBy: text(attributes['inlinedby']),
    metadata: decodeMetadata(attributes),
  };
  return new Event(
    type,
    data,
    createdAt,
    source,
    isPresent(schemaversion) ? versionFrom(schemaversion) : 1,
    extras,
  );
}

/**
 * Turns what a custom backend kept of an event back into one: an {@link Event} as it is, its `toJSON` form, or a
 * CloudEvent.
 *
 * @throws {EventSerializationError} when it is none of these.
 */
export function reviveEvent(value: Event | EventJson | Readonly<Record<string, unknown>>): Event {
  if (value instanceof Event) return value;
  if (value === null || typeof value !== 'object') throw unreadable(`it is ${JSON.stringify(value)}`);
  const json = value as unknown as Record<string, unknown>;
  if ('specversion' in json) return decodeEvent(json);
  const { id, type, source, createdAt, version, data, key, correlationId, causationId, metadata, inlinedBy } =
    json as unknown as EventJson;
  return decodeEvent({
    id,
    type,
    source: source ?? DEFAULT_SOURCE,
    time: createdAt,
    schemaversion: version,
    data,
    partitionkey: key,
    correlationid: correlationId,
    causationid: causationId,
    inlinedby: inlinedBy,
    ...(metadata && {
      userid: metadata.userId,
      tenantid: metadata.tenantId,
      requestid: metadata.requestId,
      traceid: metadata.traceId,
      ...(metadata.custom && { eventmetadata: JSON.stringify(metadata.custom) }),
    }),
  });
}

function decodeMetadata(attributes: Readonly<Record<string, unknown>>): EventMetadata | undefined {
  let metadata: Record<string, unknown> | undefined;
  for (const [field, attribute] of METADATA_ATTRIBUTES) {
    const value = attributes[attribute];
    if (isPresent(value)) (metadata ??= {})[field] = String(value);
  }
  const custom = attributes['eventmetadata'];
  if (isPresent(custom)) (metadata ??= {})['custom'] = parseObject(String(custom));
  return metadata;
}

function parseObject(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw unreadable(`it is not JSON: ${(cause as Error).message}`, cause);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw unreadable('it is not a JSON object');
  }
  return value as Record<string, unknown>;
}

function requireText(value: unknown, attribute: string): asserts value is string {
  if (typeof value !== 'string' || value === '') throw unreadable(`its '${attribute}' is missing or empty`);
}

function versionFrom(value: unknown): number {
  const version = Number(value);
  if (Number.isInteger(version) && version >= 1) return version;
  throw unreadable(`its 'schemaversion' is not a whole number from 1: ${JSON.stringify(value)}`);
}

function text(value: unknown): string | undefined {
  return isPresent(value) ? String(value) : undefined;
}

/** The specification takes an attribute that is `null` for one that is not there. */
function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function unreadable(why: string, cause?: unknown): EventSerializationError {
  return new EventSerializationError(`A message is not a readable CloudEvent: ${why}.`, { cause });
}
