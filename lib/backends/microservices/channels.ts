import { createHash } from 'node:crypto';

/** How a transport names its channels. */
export interface ChannelRules {
  /** Characters that have a meaning there. The percent sign has one here. */
  readonly reserved: RegExp;
  /** The longest name, in bytes. */
  readonly maxBytes: number;
}

/**
 * The name of an event as that of a channel: plain names stay as they are, so that `@EventPattern` finds them. Different
 * names make different channels; very long ones become a hash.
 */
export function channelOf(type: string, { reserved, maxBytes }: ChannelRules): string {
  const channel = wellFormed(type).replace(reserved, percent);
  if (Buffer.byteLength(channel) <= maxBytes) return channel;
  return `%${createHash('sha256').update(type).digest('hex')}`;
}

/** The name of the event that a channel is for. */
export function typeOf(channel: string): string {
  try {
    return decodeURIComponent(channel);
  } catch {
    return channel; // somebody else's
  }
}

/** A row of channels that begin alike, or a single one. */
interface Reach {
  readonly text: string;
  /** Everything that begins with the text. */
  readonly open: boolean;
}

/** What a channel has to begin with, or be, for the patterns; none that another one covers. */
export function reachOf(
  patterns: readonly string[],
  exact: (type: string) => string,
  below: (literal: string) => string,
): Reach[] {
  const all = patterns.map((pattern): Reach => {
    const star = pattern.indexOf('*');
    return star === -1
      ? { text: exact(pattern), open: false }
      : { text: below(pattern.slice(0, star)), open: true };
  });
  const different = [...new Map(all.map((each) => [`${each.open} ${each.text}`, each])).values()];
  const open = different.filter((each) => each.open);
  return different.filter((each) => !open.some((wide) => wide !== each && each.text.startsWith(wide.text)));
}

/** The text up to and with its last separator. */
export function upTo(separator: string, text: string): string {
  return text.slice(0, text.lastIndexOf(separator) + 1);
}

/** UTF-8 has no half of a surrogate pair. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function percent(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(
    '',
  );
}
