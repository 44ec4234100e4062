import { isUtf8 } from 'node:buffer';
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
