const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** The partition of a key, the same that the clients of Apache Kafka in other languages choose: murmur2. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}

function murmur2(bytes: Buffer): number {
  const { length } = bytes;
  let hash = SEED ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const k = scramble(bytes.readInt32LE(i));
    hash = Math.imul(hash, M) ^ k;
  }
  const rest = length - i;
  if (rest === 3) hash ^= bytes[i + 2]! << 16;
  if (rest >= 2) hash ^= bytes[i + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[i]!, M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}

function scramble(k: number): number {
  const mixed = Math.imul(k, M);
  return Math.imul(mixed ^ (mixed >>> 24), M);
}
