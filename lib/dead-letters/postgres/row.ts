import type { Row } from '../../clients/postgres/connection.js';
import { fromText, toKey, toText } from '../../clients/postgres/text.js';
import type { Event } from '../../event.js';
import { decodeEvent, encodeEvent } from '../../wire/cloud-events.js';
import type { DeadLetter, DeadLetterStatus, RawMessage } from '../dead-letter.js';

/** What is selected to read an entry. Times are numbers, which no client turns into anything else. */
export const ENTRY = `id, status, reason, event, facts, raw, ${millis('failed_at')} AS failed_at, ${millis('changed_at')} AS changed_at`;

/** A time as Unix milliseconds. */
export function millis(expression: string): string {
  return `round(extract(epoch FROM ${expression}) * 1000)::float8`;
}

/** Unix milliseconds as a time. */
export function fromMillis(expression: string): string {
  return `to_timestamp(${expression}::float8 / 1000)`;
}

/** Columns that are written with an entry, beside its status, in order, with the types of their arrays. */
export const WRITTEN = [
  ['id', 'text'],
  ['type', 'text'],
  ['handler_id', 'text'],
  ['fingerprint', 'text'],
  ['failed_at', 'float8'],
  ['event', 'text'],
  ['facts', 'text'],
  ['raw', 'text'],
  ['event_text', 'text'],
  ['error_text', 'text'],
] as const;

/** The values of {@link WRITTEN}. What else there is to know of an entry is JSON in `facts`. */
export function toRow({
  event,
  raw,
  status: _s,
  changedAt: _c,
  reason: _r,
  ...facts
}: DeadLetter): unknown[] {
  return [
    toKey(facts.id),
    toKey(event.type),
    toKey(facts.handlerId),
    toKey(facts.fingerprint),
    facts.failedAt.getTime(),
    encodeEvent(event),
    JSON.stringify(facts),
    rawText(raw),
    eventText(event),
    searchable(facts.attempts.map(({ error }) => error.message)),
  ];
}

export function fromRow(row: Row): DeadLetter {
  const { status, reason, event, facts, raw, failed_at, changed_at } = row;
  return {
    ...(JSON.parse(facts as string) as Omit<DeadLetter, 'event'>),
    event: decodeEvent(event as string),
    status: status as DeadLetterStatus,
    failedAt: new Date(Number(failed_at)),
    changedAt: new Date(Number(changed_at)),
    ...(typeof reason === 'string' && { reason: fromText(reason) }),
    ...(typeof raw === 'string' && { raw: JSON.parse(raw) as RawMessage }),
  };
}

export function rawText(raw: RawMessage | undefined): string | null {
  return raw === undefined ? null : JSON.stringify(raw);
}

/** What is found of an event by its text. */
export function eventText({ id, data }: Event): string {
  return searchable([id, JSON.stringify(data) ?? '']);
}

/** Lower case is made here and not by the database, where it depends on a locale. */
function searchable(texts: readonly string[]): string {
  return toText(texts.join('\n').toLowerCase());
}

/** Finds what {@link searchable} wrote. */
export function textPattern(text: string): string {
  return `%${toText(text.toLowerCase()).replace(/[\\%_]/g, '\\$&')}%`;
}
