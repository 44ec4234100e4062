import { createHash } from 'node:crypto';

/** Stands before the code of a character that a column of type text cannot hold, and before its own. */
const MARK = '\uE000';
const UNSTORABLE = /\uE000|\p{Surrogate}/gu;
const MARKED = /\uE000([0-9a-f]{4})/g;

/** An index takes rows of up to 2,700 bytes; ours have four such columns at most. */
const MAX_INDEXED_BYTES = 600;

/** Writes any text so that PostgreSQL can hold it: NUL and halves of surrogate pairs are marked. */
export function toText(value: string): string {
  return value.replace(UNSTORABLE, marked).replaceAll('\0', marked);
}

/** Reads what {@link toText} wrote. */
export function fromText(stored: string): string {
  return stored.replace(MARKED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** Like {@link toText}, and short enough for an index. Of what is too long the end gives way to a hash of the whole. */
export function toKey(value: string): string {
  const text = toText(value);
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_INDEXED_BYTES) return text;
  const hash = createHash('sha256').update(bytes).digest('hex');
  // Cutting may leave a part of a character, which would be replaced by something longer.
  const head = bytes
    .subarray(0, MAX_INDEXED_BYTES - hash.length - 8)
    .toString()
    .replace(/\uFFFD+$/, '');
  return `${head}${MARK}${hash}`;
}

function marked(char: string): string {
  return MARK + char.charCodeAt(0).toString(16).padStart(4, '0');
}
