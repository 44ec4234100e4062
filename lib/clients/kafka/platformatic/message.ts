import type { NewRecord } from '../client.js';

/** A record as the client package writes it. */
export interface Message {
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly headers: ReadonlyMap<Buffer, Buffer> | undefined;
  /** Unix milliseconds. */
  readonly timestamp: bigint;
}

/** A message, and the most that it takes of a batch. */
export interface SizedMessage {
  readonly message: Message;
  readonly bytes: number;
}

interface Headers {
  readonly map: ReadonlyMap<Buffer, Buffer>;
  readonly bytes: number;
}

/** A record has this much beside its parts, at most. */
const OVERHEAD = 64;
/** The same for a header. */
const HEADER_OVERHEAD = 8;
const NO_HEADERS = { map: undefined, bytes: 0 };

/** Most records have the same object of headers: it is turned into bytes once. */
const known = new WeakMap<object, Headers>();

/**
 * Turns a record into bytes.
 *
 * @param now The time of a record that has none, in Unix milliseconds.
 */
export function messageOf(record: NewRecord, now: bigint): SizedMessage {
  const { topic, partition, timestamp } = record;
  const key = record.key === undefined ? undefined : Buffer.from(record.key);
  const value = typeof record.value === 'string' ? Buffer.from(record.value) : (record.value ?? undefined);
  const headers = record.headers === undefined ? NO_HEADERS : headersOf(record.headers);
  return {
    message: {
      topic,
      partition,
      key,
      value,
      headers: headers.map,
      timestamp: timestamp === undefined ? now : BigInt(timestamp),
    },
    bytes: OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0) + headers.bytes,
  };
}

function headersOf(headers: Readonly<Record<string, string>>): Headers {
  let encoded = known.get(headers);
  if (encoded === undefined) {
    const map = new Map(
      Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const),
    );
    const bytes = [...map].reduce(
      (sum, [name, text]) => sum + name.length + text.length + HEADER_OVERHEAD,
      0,
    );
    encoded = { map, bytes };
    known.set(headers, encoded);
  }
  return encoded;
}
