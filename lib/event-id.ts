import { randomFillSync } from 'node:crypto';

/*
 * An id is asked for on hot paths, and the `uuid` package costs twenty times as much (docs/dependencies.md). Random
 * bytes come from one pool. The text is written two digits at a time into one scratch buffer, which keeps the part
 * that the time makes, and is then read as a flat string.
 */
const POOL_SIZE = 8192;
const RANDOM_BYTES = 10;
const pool = Buffer.allocUnsafeSlow(POOL_SIZE);
let next = POOL_SIZE;

const DIGIT = Buffer.from('0123456789abcdef', 'latin1');
/** The two digits of every byte as one 16-bit unit, in the machine's own byte order. */
const DIGITS = new Uint16Array(256);
Buffer.from(DIGITS.buffer).write(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''),
  'latin1',
);

const text = Buffer.alloc(36, '-', 'latin1');
const pairs = new Uint16Array(text.buffer, text.byteOffset, 18);
let writtenMs = -1;

/** `tttttttt-tttt-7`: 48 bits of time and the version. */
function writeTime(timestampMs: number): void {
  const high = Math.floor(timestampMs / 0x10000);
  pairs[0] = DIGITS[(high >>> 24) & 255]!;
  pairs[1] = DIGITS[(high >>> 16) & 255]!;
  pairs[2] = DIGITS[(high >>> 8) & 255]!;
  pairs[3] = DIGITS[high & 255]!;
  const low = timestampMs % 0x10000;
  text[9] = DIGIT[low >>> 12]!;
  text[10] = DIGIT[(low >>> 8) & 15]!;
  text[11] = DIGIT[(low >>> 4) & 15]!;
  text[12] = DIGIT[low & 15]!;
  writtenMs = timestampMs;
}

/** `rrr-vrrr-rrrrrrrrrrrr`: 74 random bits and the variant, after the version digit. */
function writeRandom(): void {
  if (next + RANDOM_BYTES > POOL_SIZE) {
    randomFillSync(pool);
    next = 0;
  }
  const at = next;
  next += RANDOM_BYTES;
  pairs[7] = DIGITS[pool[at]!]!;
  text[14] = 0x37;
  pairs[8] = DIGITS[pool[at + 1]!]!;
  text[19] = DIGIT[8 | (pool[at + 2]! & 3)]!;
  text[20] = DIGIT[pool[at + 2]! >>> 4]!;
  text[21] = DIGIT[pool[at + 3]! >>> 4]!;
  text[22] = DIGIT[pool[at + 3]! & 15]!;
  for (let i = 0; i < 6; i++) pairs[12 + i] = DIGITS[pool[at + 4 + i]!]!;
}

/**
 * Makes a UUID version 7 (RFC 9562, section 5.7).
 *
 * @param timestampMs Unix time in milliseconds that the id starts with.
 * @returns The 36-character text form. Ids of one millisecond have no order among themselves.
 */
export function uuidv7(timestampMs: number = Date.now()): string {
  if (timestampMs !== writtenMs) writeTime(timestampMs);
  writeRandom();
  return text.toString('latin1');
}
