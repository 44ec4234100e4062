import { setTimeout as sleep } from 'node:timers/promises';
import { toError } from '../../../dispatch/failure.js';
import { idOf, MissingTopicError, type NewRecord, type Stored } from '../client.js';
import { grouped } from '../grouped.js';
import { answerOf, nameOf } from './answers.js';
import type { Cluster } from './cluster.js';
import { messageOf } from './message.js';
import { PartitionQueue } from './partition-queue.js';

const ALL_IN_SYNC = -1;
/** How long a leader may wait for the other replicas. */
const REPLICATION_MS = 5000;
const RETRY_MS = 50;
const RETRIABLE: ReadonlySet<string> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REQUEST_TIMED_OUT',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
]);
/** The broker has another idea of what this producer stored last. */
const OUT_OF_SEQUENCE: ReadonlySet<string> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
]);

interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

interface Produced {
  readonly responses: readonly {
    readonly name: string;
    readonly partitionResponses: readonly {
      readonly index: number;
      readonly errorCode: number;
      readonly baseOffset: bigint;
      readonly errorMessage: string | null;
    }[];
  }[];
}

/**
 * Stores records, each once: the broker numbers what it gets of a producer, and leaves out a batch that comes again. That
 * holds as long as one batch of a partition is on its way at a time, which carries all that waits for it.
 *
 * The producer of the client package gives batches that are under way at the same time the same numbers, so that the
 * broker confirms all of them and stores the first; so the numbering is done here.
 */
export class IdempotentProducer {
  readonly #queues = new Map<string, PartitionQueue>();
  /** The next number of each partition; another map when the counting begins anew. */
  #sequences = new Map<string, number>();
  /** Brokers that have a request. */
  readonly #busy = new Set<number>();
  #identity: Promise<Identity> | undefined;
  #working = false;
  #closed = false;

  /** @param maxBatchBytes What a batch may have: a broker refuses more than the `max.message.bytes` of a topic. */
  constructor(
    private readonly cluster: Cluster,
    private readonly maxBatchBytes: number,
  ) {}

  store(records: readonly NewRecord[], timeoutMs: number): Promise<readonly (Stored | Error)[]> {
    if (records.length === 0) return Promise.resolve([]);
    if (this.#closed) return Promise.resolve(records.map(() => new Error('the client is closed')));
    const deadline = performance.now() + timeoutMs;
    const now = BigInt(Date.now());
    return new Promise((resolve) => {
      const outcomes: (Stored | Error)[] = [];
      let left = records.length;
      for (const [i, record] of records.entries()) {
        const done = (outcome: Stored | Error) => {
          outcomes[i] = outcome;
          if (--left === 0) resolve(outcomes);
        };
        this.#queue(record).add({ ...messageOf(record, now), deadline, done });
      }
      this.#work();
    });
  }

  /** What is not stored is rejected. */
  close(): void {
    this.#closed = true;
    for (const queue of this.#queues.values()) {
      queue.sending = false;
      queue.expire(new Error('the client is closed'), Infinity);
    }
  }

  #queue(record: NewRecord): PartitionQueue {
    const id = idOf(record);
    let queue = this.#queues.get(id);
    if (queue === undefined) {
      queue = new PartitionQueue(record.topic, record.partition, this.maxBatchBytes);
      this.#queues.set(id, queue);
    }
    return queue;
  }

  #work(): void {
    if (this.#working) return;
    this.#working = true;
    void this.#dispatch();
  }

  /** Gives every broker that has no request one with all that waits for it, until nothing can be sent. */
  async #dispatch(): Promise<void> {
    for (;;) {
      const waiting = [...this.#queues.values()].filter((queue) => !queue.sending && !queue.empty);
      const unknown = waiting.filter(
        ({ topic, partition }) => this.#leaderOf(topic, partition) === undefined,
      );
      const byLeader = grouped(waiting, ({ topic, partition }) => this.#leaderOf(topic, partition));
      for (const [leader, queues] of byLeader) {
        if (leader !== undefined && !this.#busy.has(leader)) void this.#request(leader, queues);
      }
      if (unknown.length === 0 || this.#closed) break;
      await this.#lookUp(unknown);
    }
    this.#working = false;
  }

  #leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.cluster.topic(topic)?.leaders[partition];
    return leader === undefined || leader < 0 ? undefined : leader;
  }

  /** Finds the leaders of partitions, or waits a moment. */
  async #lookUp(queues: readonly PartitionQueue[]): Promise<void> {
    let error = new Error(`a partition of the topic '${queues[0]!.topic}' has no leader`);
    try {
      await this.cluster.refresh([...new Set(queues.map(({ topic }) => topic))]);
      const [missing = [], present = []] = [true, false].map((is) =>
        queues.filter(({ topic }) => (this.cluster.topic(topic) === undefined) === is),
      );
      for (const queue of missing) {
        this.#giveUp([queue], new MissingTopicError(`the topic '${queue.topic}' does not exist`), Infinity);
      }
      if (present.every(({ topic, partition }) => this.#leaderOf(topic, partition) !== undefined)) return;
    } catch (cause) {
      error = toError(cause);
    }
    this.#expire(queues, error);
    await sleep(RETRY_MS);
  }

  async #request(leader: number, queues: readonly PartitionQueue[]): Promise<void> {
    this.#busy.add(leader);
    for (const queue of queues) queue.sending = true;
    const sequences = this.#sequences;
    try {
      const identity = await (this.#identity ??= this.#identify());
      const answer = await this.#send(leader, queues, identity);
      for (const queue of queues) queue.sending = false;
      this.#conclude(queues, answer, sequences);
    } catch (error) {
      for (const queue of queues) queue.sending = false;
      for (const { topic } of queues) this.cluster.forget(topic);
      this.#expire(queues, toError(error));
      await sleep(RETRY_MS);
    }
    // The counting began anew meanwhile: the old number says nothing any more.
    if (sequences !== this.#sequences) for (const queue of queues) queue.unnumber();
    this.#busy.delete(leader);
    this.#work();
  }

  #send(leader: number, queues: readonly PartitionQueue[], identity: Identity): Promise<Produced> {
    const byId = new Map(queues.map((queue) => [`${queue.topic}:${queue.partition}`, queue]));
    const sequences = {
      getWithDefault: (id: string) => {
        const queue = byId.get(id)!;
        return (queue.batch.sequence ??= this.#sequences.get(idOf(queue)) ?? 0);
      },
    };
    const messages = queues.flatMap((queue) => queue.batch.entries.map(({ message }) => message));
    const args = [ALL_IN_SYNC, REPLICATION_MS, messages, { ...identity, sequences }];
    return answerOf(this.cluster.ask<Produced>(leader, 'produce', 'Produce', args));
  }

  #conclude(
    queues: readonly PartitionQueue[],
    { responses }: Produced,
    sequences: Map<string, number>,
  ): void {
    const again: PartitionQueue[] = [];
    let why = '';
    for (const { name, partitionResponses } of responses) {
      for (const { index, errorCode, baseOffset, errorMessage } of partitionResponses) {
        const queue = queues.find(({ topic, partition }) => topic === name && partition === index)!;
        const error = errorCode === 0 ? undefined : nameOf(errorCode);
        if (error === undefined || error === 'DUPLICATE_SEQUENCE_NUMBER') {
          const { sequence, entries } = queue.batch;
          sequences.set(idOf(queue), following(sequence!, entries.length));
          queue.end({ offset: baseOffset });
        } else if (OUT_OF_SEQUENCE.has(error) || RETRIABLE.has(error)) {
          if (OUT_OF_SEQUENCE.has(error)) this.#startAnew();
          else this.cluster.forget(name);
          again.push(queue);
          why = error;
        } else {
          queue.end(new Error(errorMessage ?? error)); // not appended, so that its numbers are free again
        }
      }
    }
    if (again.length > 0) this.#expire(again, new Error(`the broker answered ${why}`));
  }

  #expire(queues: readonly PartitionQueue[], error: Error): void {
    this.#giveUp(queues, error, this.#closed ? Infinity : performance.now());
  }

  #giveUp(queues: readonly PartitionQueue[], error: Error, now: number): void {
    // Whether those were stored is not known: the broker could take what comes next for what it has not confirmed.
    if (queues.map((queue) => queue.expire(error, now)).includes(true)) this.#startAnew();
  }

  /** As another producer, whose numbers begin at 0. What is sent again then may be stored twice, but is not lost. */
  #startAnew(): void {
    this.#identity = undefined;
    this.#sequences = new Map();
    for (const queue of this.#queues.values()) if (!queue.sending) queue.unnumber();
  }

  #identify(): Promise<Identity> {
    const args = [null, 60_000, -1n, -1];
    const identity = this.cluster.ask<Identity>(undefined, 'control', 'InitProducerId', args);
    identity.catch(() => {
      if (this.#identity === identity) this.#identity = undefined;
    });
    return identity;
  }
}

/** The broker counts in 31 bits. */
function following(sequence: number, records: number): number {
  return (sequence + records) & 0x7fffffff;
}
