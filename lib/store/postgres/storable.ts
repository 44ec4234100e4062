import { toText } from '../../clients/postgres/text.js';
import { EventSerializationError } from '../../errors.js';

/** An index takes rows of up to 2,700 bytes. */
const MAX_TEXT_BYTES = 2000;
/** What jsonb refuses, as JSON writes it; a backslash before it makes it something else. */
const SUSPICIOUS = /\\u(?:0000|d[89a-f])/;
const REFUSED = /\0|\p{Surrogate}/u;

/**
 * JSON that a column of type jsonb takes; `null` for nothing.
 *
 * @param what Part of an event.
 * @param type Of the event.
 * @throws {EventSerializationError} naming the place of what cannot be kept.
 */
export function toJsonb(what: 'data' | 'metadata', value: unknown, type: string): string | null {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw new EventSerializationError(
      `The ${what} of event '${type}' cannot be written as JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
  if (json === undefined) return null;
  const place = refusedIn(json, what);
  if (place === undefined) return json;
  throw new EventSerializationError(
    `Event '${type}' cannot be stored: the text at ${place} has the character \\u0000 or half of a surrogate pair, ` +
      `which a jsonb column of PostgreSQL does not take. Leave it out, or write the text as base64.`,
  );
}

/**
 * Text for a column with an index.
 *
 * @throws {EventSerializationError} when it is too long for one.
 */
export function toIndexed(what: string, text: string, type: string): string {
  const storable = toText(text);
  if (storable.length <= MAX_TEXT_BYTES / 4) return storable;
  const bytes = Buffer.byteLength(storable);
  if (bytes <= MAX_TEXT_BYTES) return storable;
  throw new EventSerializationError(
    `Event '${type.slice(0, 100)}' cannot be stored: its ${what} takes ${bytes} bytes, and PostgresEventStore takes up to ${MAX_TEXT_BYTES}.`,
  );
}

/** Where in JSON something stands that jsonb does not take. */
export function refusedIn(json: string, name: string): string | undefined {
  return SUSPICIOUS.test(json) ? findRefused(JSON.parse(json), name) : undefined;
}

function findRefused(value: unknown, path: string): string | undefined {
  if (typeof value === 'string') return REFUSED.test(value) ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, part] of Object.entries(value)) {
    const place = REFUSED.test(key)
      ? `a key of ${path}`
      : findRefused(part, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
    if (place !== undefined) return place;
  }
  return undefined;
}
