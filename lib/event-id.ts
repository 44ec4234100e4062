import { randomFillSync } from 'node:crypto';

/*
 * An id is asked for on hot paths, and the `uuid` package costs fifteen times as much (see docs/dependencies.md).
 * Random bytes come from one pool, and the text is written into one scratch buffer and read as a flat string.
 */
const POOL_SIZE = 8192;
const RANDOM_BYTES = 10;
const pool = Buffer.allocUnsafe(POOL_SIZE);
let offset = POOL_SIZE;

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const scratch = Buffer.alloc(36, '-', 'latin1');

function writeByte(at: number, byte: number): void {
  scratch[at] = HEX[byte >>> 4]!;
  scratch[at + 1] = HEX[byte & 15]!;
}

/** Positions of the ten random bytes in the text form: 8-4-4-4-12, the first six bytes being the time. */
const RANDOM_AT = [14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;

/**
 * Makes a UUID version 7 (RFC 9562, section 5.7).
 *
 * @param timestampMs Unix time in milliseconds that the id starts with.
 * @returns The 36-character text form. Ids of one millisecond have no order among themselves.
 */
export function uuidv7(timestampMs: number = Date.now()): string {
  if (offset + RANDOM_BYTES > POOL_SIZE) {
    randomFillSync(pool);
    offset = 0;
  }
  const high = Math.floor(timestampMs / 0x10000);
  writeByte(0, (high >>> 24) & 255);
  writeByte(2, (high >>> 16) & 255);
  writeByte(4, (high >>> 8) & 255);
  writeByte(6, high & 255);
  writeByte(9, (timestampMs % 0x10000) >>> 8);
  writeByte(11, timestampMs & 255);
  for (let i = 0; i < RANDOM_BYTES; i++) writeByte(RANDOM_AT[i]!, pool[offset + i]!);
  scratch[14] = 0x37; // version 7
  scratch[19] = HEX[8 | ((pool[offset + 2]! >>> 4) & 3)]!; // variant 10xx
  offset += RANDOM_BYTES;
  return scratch.toString('latin1');
}
