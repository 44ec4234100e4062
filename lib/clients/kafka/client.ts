/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A record to be stored. */
export interface NewRecord extends TopicPartition {
  readonly key?: string | undefined;
  /** `null` deletes what a compacted topic has of the key. */
  readonly value: string | Uint8Array | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Unix milliseconds. Default: now. */
  readonly timestamp?: number;
}

/** A record as it is stored. */
export interface KafkaRecord extends TopicPartition {
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
}

/** A topic to be made. */
export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  /** Such as `retention.ms`. */
  readonly configs: Readonly<Record<string, string>>;
}

/** Where to read on. */
export interface Position extends TopicPartition {
  readonly offset: bigint;
}

/** What came of reading a partition. */
export interface Fetched extends TopicPartition {
  /** Where it was read from. */
  readonly from: bigint;
  readonly records: readonly KafkaRecord[];
  /** Where to read on: behind everything that came, records that only the broker has a use for included. */
  readonly next: bigint;
}

/** What a fetcher reads and whom it tells. */
export interface FetchTarget {
  /** What to read now; asked before each request. */
  wanted(): readonly Position[];
  /** Milliseconds after which it will want more than it does now, about; `Infinity` when it wants all that there is. */
  patience(): number;
  received(fetched: Fetched): void;
  /** A broker has answered, be it that there is nothing new. */
  answered(): void;
  /** The position is before or behind what the partition has, or the topic was made anew: it starts again elsewhere. */
  misplaced(partition: TopicPartition): void;
  /** The broker cannot be read. It is tried again. */
  failed(error: Error): void;
}

/** Reads records until it is stopped. */
export interface Fetcher {
  /** There is more to read than there was. */
  wake(): void;
  /** Resolves when nothing comes any more. */
  stop(): Promise<void>;
}

/** How far a group has come with a partition. */
export interface Committed {
  readonly offset: bigint;
  /** What was stored beside it. */
  readonly metadata: string;
}

export interface Commit extends Position {
  readonly metadata: string;
}

/** What a member is told about the partitions that the group gives it. Nothing else of the group has them meanwhile. */
export interface MemberListener {
  assigned(partitions: readonly TopicPartition[]): void;
  /** Somebody else is to have them: the group waits until this resolves, and the member may commit until then. */
  revoked(partitions: readonly TopicPartition[]): Promise<void>;
  /** Somebody else has them already. */
  lost(partitions: readonly TopicPartition[]): void;
  failed(error: Error): void;
}

export interface MemberOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Milliseconds after which the group gives up a member that fell silent. */
  readonly sessionMs: number;
}

/** A member of a consumer group. It keeps itself in the group, whatever its owner is busy with. */
export interface GroupMember {
  /** Whether the group has heard of it lately. */
  readonly alive: boolean;
  /**
   * Stores how far the group has come.
   *
   * @throws {LostPartitionError} when the group has given it up.
   */
  commit(commits: readonly Commit[]): Promise<void>;
  /** Hands everything over. Nothing more is told to the listener. */
  leave(): Promise<void>;
}

/** The topic of a record does not exist. */
export class MissingTopicError extends Error {}

/** A member was given up by its group, so that it may not commit. */
export class LostPartitionError extends Error {}

/**
 * What the backend needs of a Kafka client. `PlatformaticClient` is the one that comes along; another one has to keep
 * these promises, and can be passed as `connection`.
 */
export interface KafkaClient {
  /** Whether a broker answered the last request. */
  readonly connected: boolean;
  /** Connects. Rejects when no broker answers. */
  open(): Promise<void>;
  /** How many partitions each topic has. One that does not exist is left out. */
  topics(names: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Makes topics. One that exists already, by now, stays as it is. */
  createTopics(topics: readonly NewTopic[]): Promise<void>;
  /** The settings of a topic by name. */
  configs(topic: string): Promise<ReadonlyMap<string, string>>;
  /**
   * Stores records with all replicas in sync, each once, those of a partition in this order. Resolves with an error for
   * each that may not be stored; that is a {@link MissingTopicError} where there is no such topic.
   *
   * @param timeoutMs Until then it is tried again where that can help.
   */
  produce(records: readonly NewRecord[], timeoutMs: number): Promise<readonly (Stored | Error)[]>;
  fetch(target: FetchTarget): Fetcher;
  /** Some records from a position on, as far as there are any: without waiting. */
  read(position: Position): Promise<Fetched>;
  /** The first offset that a partition has, or the one that its next record gets. */
  offsets(of: readonly TopicPartition[], which: 'first' | 'next'): Promise<ReadonlyMap<string, bigint>>;
  /** By {@link idOf}. Partitions of which nothing was ever committed are left out. */
  committed(group: string, of: readonly TopicPartition[]): Promise<ReadonlyMap<string, Committed>>;
  /** Deletes what is before these positions. */
  trim(positions: readonly Position[]): Promise<void>;
  /** Becomes a member, and resolves when it has its first partitions, which may be none. */
  join(options: MemberOptions, listener: MemberListener): Promise<GroupMember>;
  close(): Promise<void>;
}

/** Where a record was stored. */
export interface Stored {
  readonly offset: bigint;
}

/** A partition as a key of maps. */
export function idOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
