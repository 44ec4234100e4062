import { randomBytes } from 'node:crypto';

/**
 * A new key that a script sets when it has changed something. When it finds the key, it was sent again, because the
 * connection was lost before its answer came, and only has to tell once more what it did.
 *
 * @param key One of the same slot of a cluster.
 */
export function receiptBeside(key: string): string {
  return `${key}~${newToken()}`;
}

/** Tells a call from all others. Means nothing to the patterns of Lua. */
export function newToken(): string {
  return randomBytes(12).toString('hex');
}
