import type { KafkaRecord, Position } from '../client.js';

/** Records as they are stored, and as they come. */
export interface RecordBatch {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly attributes: number;
  readonly producerId: bigint;
  readonly records: readonly {
    readonly offsetDelta: number;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
  }[];
}

const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
const ABORT = 0;

/**
 * The records from a position on, without those of transactions that were aborted and the marks of the broker.
 *
 * @returns `next`: where to read on.
 */
export function recordsOf(
  { topic, partition, offset }: Position,
  batches: readonly RecordBatch[],
  aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[],
): { records: KafkaRecord[]; next: bigint } {
  const records: KafkaRecord[] = [];
  let next = offset;
  const ahead = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const open = new Set<bigint>();
  for (const batch of batches) {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    if (last >= next) next = last + 1n;
    while (ahead.length > 0 && ahead[0]!.firstOffset <= last) open.add(ahead.shift()!.producerId);
    if ((batch.attributes & CONTROL) !== 0) {
      if (batch.records[0]?.key?.readInt16BE(2) === ABORT) open.delete(batch.producerId);
      continue;
    }
    if ((batch.attributes & TRANSACTIONAL) !== 0 && open.has(batch.producerId)) continue;
    for (const { offsetDelta, key, value, headers } of batch.records) {
      const at = batch.firstOffset + BigInt(offsetDelta);
      if (at >= offset) records.push({ topic, partition, offset: at, key, value, headers });
    }
  }
  return { records, next };
}
