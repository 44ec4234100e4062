export interface Mail {
  readonly from: Mailbox;
  readonly to: Mailbox;
  readonly subject: string;
  readonly date: Date;
  /** Without angle brackets. */
  readonly messageId: string;
  /** Plain text; lines of up to 998 bytes. */
  readonly text: string;
}

export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

const NEW_LINE = '\r\n';
/** What an encoded word may hold, so that with its frame it stays within 75 characters. */
const WORD_BYTES = 45;

/** A message as RFC 5322 has it: what mail programs open as a file that ends in `.eml`. */
export function toEml({ from, to, subject, date, messageId, text }: Mail): string {
  const lines = [
    `From: ${mailbox(from)}`,
    `To: ${mailbox(to)}`,
    `Subject: ${encodeWords(subject)}`,
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${messageId}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    ...text.split('\n'),
  ];
  return lines.join(NEW_LINE) + NEW_LINE;
}

function mailbox({ name, address }: Mailbox): string {
  const shown = isAscii(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : encodeWords(name);
  return `${shown} <${address}>`;
}

/** Headers are ASCII; RFC 2047 says how to put the rest of the world into them. */
function encodeWords(text: string): string {
  if (isAscii(text)) return text;
  const words: string[] = [''];
  for (const character of text) {
    const longer = words.at(-1)! + character;
    if (Buffer.byteLength(longer) <= WORD_BYTES) words[words.length - 1] = longer;
    else words.push(character);
  }
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join(`${NEW_LINE} `);
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
