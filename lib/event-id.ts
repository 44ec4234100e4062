import { randomFillSync } from 'node:crypto';

/*
 * An id is asked for on hot paths, and the `uuid` package costs many times as much (docs/dependencies.md). Turning
 * bytes into a string is the larger part of it, so the random parts of many ids are written into one text, two
 * digits at a time, and each id takes its own; the part made by the time is kept as long as the millisecond lasts.
 */
const BATCH = 512;
const BYTES_PER_ID = 10;
/** `7rrr-vrrr-rrrrrrrrrrrr`, from the version digit on. Even, so that pairs of digits stay aligned. */
const RANDOM_LENGTH = 22;

const DIGIT = Buffer.from('0123456789abcdef', 'latin1');
/** The two digits of every byte as one 16-bit unit, in the machine's own byte order. */
const DIGITS = new Uint16Array(256);
Buffer.from(DIGITS.buffer).write(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''),
  'latin1',
);

const bytes = Buffer.allocUnsafeSlow(BATCH * BYTES_PER_ID);
const text = Buffer.alloc(BATCH * RANDOM_LENGTH, '-', 'latin1');
const pairs = new Uint16Array(text.buffer, text.byteOffset, text.length / 2);
let randomParts = '';
let nextAt = 0;

let timePart = '';
let timePartMs = -1;

function refill(): void {
  randomFillSync(bytes);
  for (let id = 0; id < BATCH; id++) writeRandomPart(id * RANDOM_LENGTH, id * BYTES_PER_ID);
  randomParts = text.toString('latin1');
  nextAt = 0;
}

function writeRandomPart(to: number, from: number): void {
  const pair = to / 2;
  pairs[pair] = DIGITS[0x70 | (bytes[from]! & 15)]!; // version 7
  pairs[pair + 1] = DIGITS[bytes[from + 1]!]!;
  text[to + 5] = DIGIT[8 | (bytes[from + 2]! & 3)]!; // variant 10xx
  text[to + 6] = DIGIT[bytes[from + 2]! >>> 4]!;
  text[to + 7] = DIGIT[bytes[from + 3]! >>> 4]!;
  text[to + 8] = DIGIT[bytes[from + 3]! & 15]!;
  for (let i = 0; i < 6; i++) pairs[pair + 5 + i] = DIGITS[bytes[from + 4 + i]!]!;
}

/**
 * Makes a UUID version 7 (RFC 9562, section 5.7).
 *
 * @param timestampMs Unix time in milliseconds that the id starts with.
 * @returns The 36-character text form. Ids of one millisecond have no order among themselves.
 */
export function uuidv7(timestampMs: number = Date.now()): string {
  if (timestampMs !== timePartMs) {
    const hex = timestampMs.toString(16).padStart(12, '0');
    timePart = `${hex.slice(0, 8)}-${hex.slice(8)}-`;
    timePartMs = timestampMs;
  }
  if (nextAt === randomParts.length) refill();
  const at = nextAt;
  nextAt += RANDOM_LENGTH;
  return timePart + randomParts.slice(at, nextAt);
}
