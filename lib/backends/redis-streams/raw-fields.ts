import { isUtf8 } from 'node:buffer';
import type { RawMessage } from '../../dead-letters/dead-letter.js';
import type { Fields } from './codec.js';

/** Fields of an entry as JSON can hold them: text as it is, other bytes in base64. */
export type RawFields = Record<string, string | { readonly base64: string }>;

/** What a client makes of bytes that are not text. */
const REPLACEMENT = '\uFFFD';

/** Whether reading the entry as text may have changed it. */
export function mayBeMangled(fields: Fields): boolean {
  return fields.some((text) => text.includes(REPLACEMENT));
}

/** @param flat Names and values in turns. */
export function toRawFields(flat: readonly Buffer[]): RawFields {
  const raw: RawFields = {};
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const value = flat[i + 1]!;
    raw[flat[i]!.toString()] = isUtf8(value) ? value.toString() : { base64: value.toString('base64') };
  }
  return raw;
}

/** Names and values in turns, the bytes as they were. */
export function fromRawFields(raw: RawFields): (string | Buffer)[] {
  return Object.entries(raw).flatMap(([name, value]) => [
    name,
    typeof value === 'string' ? value : Buffer.from(value.base64, 'base64'),
  ]);
}

/** Says that the body of a raw message is a stream entry: its fields as {@link RawFields} in JSON. */
const ENTRY_TYPE = 'application/vnd.redis-stream-entry+json';

/** An entry that is more than one event in JSON, as dead letters keep it. */
export function rawEntry(fields: RawFields): RawMessage {
  return { body: JSON.stringify(fields), encoding: 'utf8', headers: { 'content-type': ENTRY_TYPE } };
}

/** The fields of what {@link rawEntry} made; `undefined` for any other message. */
export function rawFieldsOf(raw: RawMessage | undefined): RawFields | undefined {
  return raw?.headers['content-type'] === ENTRY_TYPE ? (JSON.parse(raw.body) as RawFields) : undefined;
}
