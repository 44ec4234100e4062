import { randomUUID } from 'node:crypto';
import { toError } from '../../../dispatch/failure.js';
import { pause } from '../../../timer.js';
import { type Fetcher, type FetchTarget, idOf, type KafkaRecord, type Position } from '../client.js';
import { answerOf, nameOf } from './answers.js';
import type { Cluster, Purpose } from './cluster.js';
import { type RecordBatch, recordsOf } from './records.js';

/** How long a broker waits for records before it answers that there are none. */
const WAIT_MS = 250;
const RETRY_MS = 100;
/**
 * Of one request in all, and of each partition. The larger an answer is, the longer the client package takes for each of its
 * records. A batch that is larger is read as well, but only as the first of an answer.
 */
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_PARTITION_BYTES = 256 * 1024;
const READ_COMMITTED = 1;
/** There is no such topic. */
const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION';

interface FetchAnswer {
  readonly responses: readonly {
    readonly topicId: string;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly errorCode: number;
      readonly abortedTransactions: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[];
      readonly records?: readonly RecordBatch[];
    }[];
  }[];
}

/** Asks each leader of partitions for records, one request at a time to each. */
export class BrokerFetcher implements Fetcher {
  readonly #purpose: Purpose = `fetch ${randomUUID()}`;
  readonly #stop = new AbortController();
  readonly #loops = new Map<number, Promise<void>>();
  /** Of partitions, the ids of the topics that they were last read of: a topic that was made anew has another one. */
  readonly #topicIds = new Map<string, string>();
  /** Of topics, what was told about them that keeps them from being read. */
  readonly #told = new Map<string, string>();
  #running: Promise<void> | undefined;
  #wanted = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly target: FetchTarget,
  ) {}

  wake(): void {
    this.#wanted = true;
    if (this.#stop.signal.aborted) return;
    this.#running ??= this.#startLoops().finally(() => {
      this.#running = undefined;
      if (this.#wanted) this.wake();
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    // A request that waits for records is not waited for.
    await this.cluster.drop(this.#purpose);
  }

  async #startLoops(): Promise<void> {
    this.#wanted = false;
    const wanted = this.target.wanted();
    if (wanted.length === 0 || this.#stop.signal.aborted) return;
    try {
      await this.cluster.know([...new Set(wanted.map(({ topic }) => topic))]);
    } catch (error) {
      this.target.failed(toError(error));
      await pause(RETRY_MS, this.#stop.signal);
      this.#wanted = true;
      return;
    }
    let lookAgain = false;
    for (const position of wanted) {
      const leader = this.#leaderOf(position);
      if (leader === undefined) {
        lookAgain = true;
        this.#unknown(position);
      } else if (!this.#loops.has(leader)) {
        this.#loops.set(
          leader,
          this.#loop(leader).finally(() => this.#ended(leader)),
        );
      }
    }
    if (!lookAgain) return;
    await pause(RETRY_MS, this.#stop.signal);
    this.#wanted = true;
  }

  /** A topic that is not there is another thing than one that may not be read, or has no leader for the moment. */
  #unknown(position: Position): void {
    const trouble = this.cluster.trouble(position.topic);
    if (trouble === MISSING) this.target.misplaced(position);
    else if (trouble !== undefined) this.#refused(position.topic, trouble);
    this.cluster.forget(position.topic);
  }

  /** Told once: it is tried again until it works. */
  #refused(topic: string, error: string): void {
    if (this.#told.get(topic) === error) return;
    this.#told.set(topic, error);
    this.target.failed(new Error(`Kafka does not let topic '${topic}' be read: ${error}`));
  }

  /** A request under way keeps others back. */
  get #waitMs(): number {
    return Math.ceil(Math.max(1, Math.min(WAIT_MS, this.target.patience())));
  }

  /** What somebody asked for while the loop was about to end is not forgotten. */
  #ended(leader: number): void {
    this.#loops.delete(leader);
    if (this.target.wanted().length > 0) this.wake();
  }

  #leaderOf({ topic, partition }: Position): number | undefined {
    const leader = this.cluster.topic(topic)?.leaders[partition];
    return leader === undefined || leader < 0 ? undefined : leader;
  }

  /** As long as anything of this broker is wanted. */
  async #loop(leader: number): Promise<void> {
    for (let turn = 0; !this.#stop.signal.aborted; turn++) {
      const wanted = this.target.wanted();
      const positions = wanted.filter(
        (position) => this.#leaderOf(position) === leader && this.#isSameTopic(position),
      );
      if (positions.length < wanted.length) this.wake();
      if (positions.length === 0) return;
      try {
        const inTurn = beginningAt(turn, positions);
        const answer = await fetchOnce(this.cluster, leader, inTurn, this.#waitMs, this.#purpose);
        if (this.#stop.signal.aborted) return;
        this.target.answered();
        for (const each of answer) this.#conclude(each);
        if (answer.some(({ error }) => error !== undefined)) await pause(RETRY_MS, this.#stop.signal);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        for (const { topic } of positions) this.cluster.forget(topic);
        this.target.failed(toError(error));
        await pause(RETRY_MS, this.#stop.signal);
        return this.wake();
      }
    }
  }

  #conclude({ position, error, records, next }: FetchedPosition): void {
    const { topic, partition } = position;
    if (error === undefined) {
      this.#told.delete(topic);
      if (next > position.offset)
        this.target.received({ topic, partition, from: position.offset, records, next });
      return;
    }
    // Whatever else it is, a look at the topic tells: a broker that has just started may not know it yet.
    this.cluster.forget(topic);
    if (error === 'OFFSET_OUT_OF_RANGE') this.target.misplaced(position);
    else if (error.endsWith('AUTHORIZATION_FAILED')) this.#refused(topic, error);
    this.wake();
  }

  #isSameTopic(position: Position): boolean {
    const partition = idOf(position);
    const { id } = this.cluster.topic(position.topic)!;
    const before = this.#topicIds.get(partition);
    this.#topicIds.set(partition, id);
    if (before === undefined || before === id) return true;
    this.target.misplaced(position);
    return false;
  }
}

/** A broker fills its answer in the order of the request: each partition is the first in its turn, so that none is left out. */
function beginningAt(turn: number, positions: readonly Position[]): readonly Position[] {
  const first = turn % positions.length;
  return [...positions.slice(first), ...positions.slice(0, first)];
}

/** What a broker has of a position. */
export interface FetchedPosition {
  readonly position: Position;
  readonly error: string | undefined;
  readonly records: readonly KafkaRecord[];
  readonly next: bigint;
}

/** One request. The positions have to be known to be with this leader. */
export async function fetchOnce(
  cluster: Cluster,
  leader: number,
  positions: readonly Position[],
  waitMs = 0,
  purpose: Purpose = 'control',
): Promise<readonly FetchedPosition[]> {
  const topics = new Map<string, { topicId: string; partitions: object[] }>();
  const byId = new Map<string, Position>();
  for (const position of positions) {
    const topicId = cluster.topic(position.topic)!.id;
    byId.set(`${topicId}/${position.partition}`, position);
    const { partitions } = topics.get(topicId) ?? { partitions: [] as object[] };
    topics.set(topicId, { topicId, partitions });
    partitions.push({
      partition: position.partition,
      currentLeaderEpoch: -1,
      fetchOffset: position.offset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: MAX_PARTITION_BYTES,
    });
  }
  const args = [waitMs, 1, MAX_BYTES, READ_COMMITTED, 0, 0, [...topics.values()], [], ''];
  const { responses } = await answerOf(cluster.ask<FetchAnswer>(leader, purpose, 'Fetch', args, waitMs));
  return responses.flatMap(({ topicId, partitions }) =>
    partitions.map(({ partitionIndex, errorCode, records = [], abortedTransactions }) => {
      const position = byId.get(`${topicId}/${partitionIndex}`)!;
      const error = errorCode === 0 ? undefined : nameOf(errorCode);
      return { position, error, ...recordsOf(position, records, abortedTransactions) };
    }),
  );
}
