import type { Row } from '../../clients/postgres/connection.js';
import { fromText, toText } from '../../clients/postgres/text.js';
import { Event, type EventMetadata, NO_METADATA } from '../../event.js';
import { type Publication, StoredEvent } from '../stored-event.js';
import { POSITION } from './position.js';
import { toIndexed, toJsonb } from './storable.js';

/** A time as Unix milliseconds. */
export function millis(expression: string): string {
  return `round(extract(epoch FROM ${expression}) * 1000)::float8`;
}

/** Unix milliseconds as a time. */
export function fromMillis(expression: string): string {
  return `to_timestamp(${expression}::float8 / 1000)`;
}

/** What is selected to read an event. Texts and numbers, which no client turns into anything else. */
export const EVENT = `id, event_type, source, version, key, correlation_id, causation_id, inlined_by, data::text AS data,
  metadata::text AS metadata, ${millis('"timestamp"')} AS at, ${millis('created_at')} AS recorded_at, stream_id,
  stream_version::float8 AS stream_version, publication, publish_error, ${POSITION} AS place`;

/** Columns that are written with an event, in order, with the types of their arrays. */
export const WRITTEN = [
  ['id', 'text'],
  ['event_type', 'text'],
  ['source', 'text'],
  ['version', 'int'],
  ['key', 'text'],
  ['correlation_id', 'text'],
  ['causation_id', 'text'],
  ['inlined_by', 'text'],
  ['data', 'text'],
  ['metadata', 'text'],
  ['at', 'float8'],
] as const;

/**
 * The values of {@link WRITTEN}.
 *
 * @throws {EventSerializationError} when the event cannot be stored.
 */
export function toRow(event: Event): readonly (string | number | null)[] {
  const { type, key, causationId, inlinedBy, metadata } = event;
  return [
    toIndexed('id', event.id, type),
    toIndexed('name', type, type),
    toIndexed('source', event.source, type),
    event.version,
    key === undefined ? null : toText(key),
    toIndexed('correlation id', event.correlationId, type),
    causationId === undefined ? null : toIndexed('causation id', causationId, type),
    inlinedBy === undefined ? null : toText(inlinedBy),
    toJsonb('data', event.data, type),
    metadata === NO_METADATA ? null : toJsonb('metadata', metadata, type),
    event.createdAtMs,
  ];
}

export function fromRow(row: Row): StoredEvent {
  const event = new Event(
    text(row['event_type']),
    row['data'] === null ? undefined : (JSON.parse(row['data'] as string) as unknown),
    Number(row['at']),
    text(row['source']),
    Number(row['version']),
    {
      id: text(row['id']),
      key: optional(row['key']),
      correlationId: text(row['correlation_id']),
      causationId: optional(row['causation_id']),
      inlinedBy: optional(row['inlined_by']),
      metadata:
        row['metadata'] === null ? undefined : (JSON.parse(row['metadata'] as string) as EventMetadata),
    },
  );
  return new StoredEvent(event, {
    position: row['place'] as string,
    recordedAt: new Date(Number(row['recorded_at'])),
    streamId: optional(row['stream_id']),
    streamVersion: row['stream_version'] === null ? undefined : Number(row['stream_version']),
    publication: (row['publication'] ?? undefined) as Publication | undefined,
    publishError: optional(row['publish_error']),
  });
}

function text(value: unknown): string {
  const stored = value as string;
  return stored.includes('\uE000') ? fromText(stored) : stored;
}

function optional(value: unknown): string | undefined {
  return value === null ? undefined : text(value);
}
