import { createHash } from 'node:crypto';
import type { SerializedError } from './dead-letter.js';

/** What differs between two failures of one kind. Quotes count at the edges of a word: "can't" holds none. */
const VARIABLE = new RegExp(
  [
    /(?<!\w)(?:'.*?'|"[^"]*"|`[^`]*`)(?!\w)/, // quoted values
    /[^\s@]+@[^\s@]+/, // addresses of people
    /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/, // UUIDs
    /\b0x[0-9a-f]+/,
    /\b(?=[a-z_-]*\d)[\w-]{12,}/, // ids of letters and digits
    /\d+(?:[.:]\d+)*/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
);

/** Enough of a text to tell one kind from another. */
const MAX_TEXT = 500;

/**
 * Names a kind of failure: the same handler, the same kind of error, and a message that differs only in ids, numbers
 * and quoted values.
 *
 * @returns 16 hexadecimal digits.
 */
export function fingerprintOf(handlerId: string, { name, code = '', message }: SerializedError): string {
  const kind = message.slice(0, MAX_TEXT).replace(VARIABLE, '#');
  const parts = [handlerId, name.slice(0, MAX_TEXT), code.slice(0, MAX_TEXT), kind];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}
