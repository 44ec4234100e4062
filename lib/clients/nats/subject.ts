import { createHash } from 'node:crypto';

/** What has a meaning in subjects, in names of streams or in our own codes. */
const RESERVED = /[%*>/\\.~@\s\p{Cc}\p{Cs}]/gu;
const PLAIN = /^[\w-]+$/;
/** Half of a surrogate pair: text that UTF-8 cannot hold. */
const LONE_SURROGATE = /^\p{Cs}$/u;
/** A server takes lines of 4096 bytes, and a subject shares one with others. */
const MAX_LENGTH = 255;

/**
 * Text as one token of a subject, which is also a legal name of a stream or a consumer. Different texts make different
 * tokens; very long ones become a hash.
 */
export function tokenOf(text: string): string {
  if (text.length > MAX_LENGTH) return `%${createHash('sha256').update(text).digest('hex')}`;
  if (PLAIN.test(text)) return text;
  if (text === '') return '%';
  return text.replace(RESERVED, (char) => {
    if (LONE_SURROGATE.test(char)) return `%u${char.charCodeAt(0).toString(16)}`;
    const code = char.charCodeAt(0);
    return code < 128 ? `%${code.toString(16).padStart(2, '0')}` : encodeURIComponent(char);
  });
}

/** The name of an event as tokens of a subject: its dots part them, so that others can filter by them. */
export function subjectOf(type: string): string {
  if (PLAIN.test(type) || type.length > MAX_LENGTH) return tokenOf(type);
  return type.split('.').map(tokenOf).join('.');
}
