import { idOf, type TopicPartition } from '../client.js';
import { grouped } from '../grouped.js';

/** The name of our way to share partitions. All members of a group have to use the same one. */
export const PROTOCOL = 'events-cooperative';

/** What a member says when it joins. */
export interface Subscription {
  readonly topics: readonly string[];
  /** What it has, and goes on with while the group finds out who gets what. */
  readonly owned: readonly TopicPartition[];
  /** The generation that gave it these. */
  readonly generation: number;
}

/** In the form that tools which describe groups can read; what they do not know is in the user data. */
export function encodeSubscription({ topics, owned, generation }: Subscription): Buffer {
  const userData = Buffer.from(JSON.stringify({ generation, owned: owned.map(idOf) }));
  return Buffer.concat([
    int16(0),
    int32(topics.length),
    ...topics.map(text),
    int32(userData.length),
    userData,
  ]);
}

export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new Bytes(bytes, 2);
  const topics = reader.list(() => reader.text());
  const { generation, owned } = JSON.parse(reader.bytes().toString('utf8')) as {
    generation: number;
    owned: readonly string[];
  };
  return { topics, generation, owned: owned.map(partitionOfId) };
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  const byTopic = grouped(partitions, ({ topic }) => topic);
  const topics = [...byTopic].flatMap(([topic, list]) => [
    text(topic),
    int32(list.length),
    ...list.map(({ partition }) => int32(partition)),
  ]);
  return Buffer.concat([int16(0), int32(byTopic.size), ...topics, int32(0)]);
}

export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  if (bytes.length < 6) return [];
  const reader = new Bytes(bytes, 2);
  return reader
    .list(() => {
      const topic = reader.text();
      return reader.list(() => ({ topic, partition: reader.int32() }));
    })
    .flat();
}

/** Reads from front to back. */
class Bytes {
  constructor(
    private readonly buffer: Buffer,
    private at: number,
  ) {}

  int32(): number {
    this.at += 4;
    return this.buffer.readInt32BE(this.at - 4);
  }

  text(): string {
    const length = this.buffer.readInt16BE(this.at);
    this.at += 2 + length;
    return this.buffer.toString('utf8', this.at - length, this.at);
  }

  bytes(): Buffer {
    const length = Math.max(0, this.int32());
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.int32() }, read);
  }
}

function partitionOfId(id: string): TopicPartition {
  const at = id.lastIndexOf('/');
  return { topic: id.slice(0, at), partition: Number(id.slice(at + 1)) };
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}
