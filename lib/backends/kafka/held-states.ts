import {
  idOf,
  type KafkaClient,
  type KafkaRecord,
  type NewRecord,
  type TopicPartition,
} from '../../clients/kafka/client.js';
import type { Claim, HeldRetry } from './claim.js';
import type { Progress } from './progress.js';

/**
 * What a group has to remember of events that wait for a retry in their place: who is to try them again, and what was
 * before. Where it is stored is committed with the progress of the partition; it is deleted when the event is done.
 */
export class HeldStates {
  /** @param topic A compacted topic with one partition. */
  constructor(
    private readonly client: KafkaClient,
    private readonly topic: string,
    private readonly timeoutMs: number,
  ) {}

  /** @returns Where it is stored. */
  async store(claim: Claim, held: readonly HeldRetry[]): Promise<bigint> {
    const [stored] = await this.client.produce([this.#record(claim, JSON.stringify(held))], this.timeoutMs);
    if (stored instanceof Error) throw stored;
    return stored!.offset;
  }

  async remove(claim: Claim): Promise<void> {
    const [stored] = await this.client.produce([this.#record(claim, null)], this.timeoutMs);
    if (stored instanceof Error) throw stored;
  }

  /** What is remembered of the events of a partition. */
  async restore(progress: Progress, partition: TopicPartition): Promise<(claim: Claim) => void> {
    const states = new Map<bigint, readonly HeldRetry[]>();
    const end = progress.held.size > 0 ? await this.#end() : 0n;
    for (const [offset, at] of progress.held) {
      const record = at < end ? await this.#read(at) : undefined; // or the topic was made anew
      const held = record === undefined ? undefined : heldIn(record, keyOf(partition, offset));
      if (held === undefined) progress.held.delete(offset);
      else states.set(offset, held);
    }
    return (claim) => {
      claim.held = states.get(claim.offset) ?? [];
    };
  }

  async #end(): Promise<bigint> {
    const where = { topic: this.topic, partition: 0 };
    const end = (await this.client.offsets([where], 'next')).get(idOf(where));
    if (end === undefined) throw new Error(`The topic '${this.topic}' has no leader yet.`);
    return end;
  }

  async #read(offset: bigint): Promise<KafkaRecord | undefined> {
    return (await this.client.read({ topic: this.topic, partition: 0, offset })).records[0];
  }

  #record({ partition, offset }: Claim, value: string | null): NewRecord {
    return { topic: this.topic, partition: 0, key: keyOf(partition, offset), value };
  }
}

/** Another one has taken its place where the log was compacted meanwhile. */
function heldIn({ key, value }: KafkaRecord, expected: string): readonly HeldRetry[] | undefined {
  if (value === null || key?.toString() !== expected) return undefined;
  return JSON.parse(value.toString()) as readonly HeldRetry[];
}

function keyOf({ topic, partition }: TopicPartition, offset: bigint): string {
  return `${topic}/${partition}/${offset}`;
}
