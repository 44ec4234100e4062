import { toKey } from '../../clients/postgres/text.js';
import type { DeadLetterFilter, DeadLetterStatus } from '../dead-letter.js';
import type { DeadLetterPlace } from '../dead-letter-cursor.js';
import { fromMillis, textPattern } from './row.js';

const OPEN: readonly DeadLetterStatus[] = ['dead', 'retrying'];

/** A condition, and the values that its placeholders stand for. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** The entries of a service that a filter finds, and of those the ones behind a place. */
export function conditionOf(service: string, filter: DeadLetterFilter, after?: DeadLetterPlace): Condition {
  const { type, handlerId, fingerprint, status = OPEN, since, until, text } = filter;
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  const parts = [
    `service = ${value(service)}`,
    `status = ANY(${value(typeof status === 'string' ? [status] : status)}::text[])`,
  ];
  if (type !== undefined) parts.push(`type = ${value(toKey(type))}`);
  if (handlerId !== undefined) parts.push(`handler_id = ${value(toKey(handlerId))}`);
  if (fingerprint !== undefined) parts.push(`fingerprint = ${value(toKey(fingerprint))}`);
  if (since !== undefined) parts.push(`failed_at >= ${fromMillis(value(since.getTime()))}`);
  if (until !== undefined) parts.push(`failed_at < ${fromMillis(value(until.getTime()))}`);
  if (text) {
    const pattern = value(textPattern(text));
    parts.push(`(event_text LIKE ${pattern} OR error_text LIKE ${pattern})`);
  }
  if (after !== undefined) {
    parts.push(`(failed_at, id) > (${fromMillis(value(after.time))}, ${value(after.id)}::text)`);
  }
  return { sql: parts.join(' AND '), values };
}
