import {
  type Committed,
  type Fetched,
  type Fetcher,
  type FetchTarget,
  type GroupMember,
  idOf,
  type KafkaClient,
  type MemberListener,
  type MemberOptions,
  type NewRecord,
  type NewTopic,
  type Position,
  type Stored,
  type TopicPartition,
} from '../client.js';
import { connectionOf, type KafkaConnectionOptions } from '../connection-option.js';
import { grouped } from '../grouped.js';
import { loadKafka } from '../load.js';
import { EventBusClosedError } from '../../../errors.js';
import { Opening } from '../../../backends/shared/opening.js';
import { answerOf, nameOf } from './answers.js';
import { Cluster } from './cluster.js';
import { BrokerFetcher, fetchOnce } from './fetcher.js';
import { Member } from './member.js';
import { IdempotentProducer } from './producer.js';

const USER = 'PlatformaticClient';
/** Kafka takes batches of 1 MiB unless it is told otherwise. */
const MAX_BATCH_BYTES = 1_000_000;
const REQUEST_MS = 5000;
const MAKE_MS = 5000;
const TOPIC = 2;
const BEFORE_FIRST = -2n;
const BEHIND_LAST = -1n;

/** Options of {@link PlatformaticClient}. */
export interface PlatformaticClientOptions {
  /** How long a broker may take to answer, in milliseconds. Default 5000. */
  readonly requestTimeoutMs?: number;
}

/**
 * Kafka through the package `@platformatic/kafka`: its connections and its knowledge of the protocol. Numbering what is
 * produced, the membership of groups and the order of all that is done here.
 */
export class PlatformaticClient implements KafkaClient {
  readonly #connection: KafkaConnectionOptions;
  readonly #timeoutMs: number;
  readonly #opening = new Opening(() => this.#open());
  #parts: { readonly cluster: Cluster; readonly producer: IdempotentProducer } | undefined;
  #closed = false;

  /** @throws {EventConfigurationError} when the connection names no brokers. Connects on first use, not here. */
  constructor(
    connection: string | KafkaConnectionOptions,
    { requestTimeoutMs = REQUEST_MS }: PlatformaticClientOptions = {},
  ) {
    this.#connection = connectionOf(connection, USER);
    this.#timeoutMs = requestTimeoutMs;
  }

  get connected(): boolean {
    return this.#parts?.cluster.connected === true;
  }

  async open(): Promise<void> {
    const { cluster } = await this.#opening.get();
    await cluster.refresh([]);
  }

  async topics(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { cluster } = await this.#opening.get();
    await cluster.refresh(names);
    return new Map(
      names.flatMap((name) => {
        const info = cluster.topic(name);
        return info === undefined ? [] : [[name, info.leaders.length] as const];
      }),
    );
  }

  async createTopics(topics: readonly NewTopic[]): Promise<void> {
    const { cluster } = await this.#opening.get();
    const requests = topics.map(({ name, partitions, replicas, configs }) => ({
      name,
      numPartitions: partitions,
      replicationFactor: replicas,
      assignments: [],
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    }));
    const made = cluster.ask<{
      topics: readonly { name: string; errorCode: number; errorMessage: string | null }[];
    }>(undefined, 'control', 'CreateTopics', [requests, MAKE_MS, false], MAKE_MS);
    for (const { name, errorCode, errorMessage } of (await answerOf(made)).topics) {
      if (errorCode === 0 || nameOf(errorCode) === 'TOPIC_ALREADY_EXISTS') continue;
      throw new Error(`Kafka did not make the topic '${name}': ${errorMessage ?? nameOf(errorCode)}`);
    }
  }

  async configs(topic: string): Promise<ReadonlyMap<string, string>> {
    const { cluster } = await this.#opening.get();
    const resource = { resourceType: TOPIC, resourceName: topic, configurationKeys: null };
    const { results } = await cluster.ask<{
      results: readonly { configs: readonly { name: string; value: string | null }[] }[];
    }>(undefined, 'control', 'DescribeConfigs', [[resource], false, false]);
    return new Map(
      results.flatMap(({ configs }) => configs.map(({ name, value }) => [name, value ?? ''] as const)),
    );
  }

  async produce(records: readonly NewRecord[], timeoutMs: number): Promise<readonly (Stored | Error)[]> {
    const { producer } = this.#parts ?? (await this.#opening.get());
    return producer.store(records, timeoutMs);
  }

  fetch(target: FetchTarget): Fetcher {
    if (this.#parts === undefined) throw new Error('Call open() first.');
    return new BrokerFetcher(this.#parts.cluster, target);
  }

  async read(position: Position): Promise<Fetched> {
    const { cluster } = await this.#opening.get();
    const { topic, partition, offset } = position;
    await cluster.know([topic]);
    const leader = cluster.topic(topic)?.leaders[partition] ?? -1;
    if (leader < 0) throw new Error(`The topic '${topic}' does not exist, or has no leader.`);
    const [fetched] = await fetchOnce(cluster, leader, [position]);
    if (fetched === undefined || fetched.error !== undefined) {
      cluster.forget(topic);
      throw new Error(`Kafka did not read '${topic}' from ${offset}: ${fetched?.error ?? 'no answer'}.`);
    }
    return { topic, partition, from: offset, records: fetched.records, next: fetched.next };
  }

  async offsets(
    of: readonly TopicPartition[],
    which: 'first' | 'next',
  ): Promise<ReadonlyMap<string, bigint>> {
    const { cluster } = await this.#opening.get();
    await cluster.know([...new Set(of.map(({ topic }) => topic))]);
    const timestamp = which === 'first' ? BEFORE_FIRST : BEHIND_LAST;
    const byLeader = grouped(of, ({ topic, partition }) => cluster.topic(topic)?.leaders[partition] ?? -1);
    const found = new Map<string, bigint>();
    for (const [leader, partitions] of byLeader) {
      if (leader < 0) continue;
      const topics = [...grouped(partitions, ({ topic }) => topic)].map(([name, list]) => ({
        name,
        partitions: list.map(({ partition }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: -1,
          timestamp,
        })),
      }));
      const asked = cluster.ask<{
        topics: readonly {
          name: string;
          partitions: readonly { partitionIndex: number; errorCode: number; offset: bigint }[];
        }[];
      }>(leader, 'control', 'ListOffsets', [-1, 0, topics]);
      for (const { name, partitions: list } of (await answerOf(asked)).topics) {
        for (const { partitionIndex, errorCode, offset } of list) {
          if (errorCode === 0) found.set(idOf({ topic: name, partition: partitionIndex }), offset);
          else cluster.forget(name);
        }
      }
    }
    return found;
  }

  async committed(group: string, of: readonly TopicPartition[]): Promise<ReadonlyMap<string, Committed>> {
    const { cluster } = await this.#opening.get();
    const { coordinators } = await cluster.ask<{ coordinators: readonly { nodeId: number }[] }>(
      undefined,
      'control',
      'FindCoordinator',
      [0, [group]],
    );
    const topics = [...grouped(of, ({ topic }) => topic)].map(([name, list]) => ({
      name,
      partitionIndexes: list.map(({ partition }) => partition),
    }));
    const { groups } = await cluster.ask<{
      groups: readonly {
        topics: readonly {
          name: string;
          partitions: readonly { partitionIndex: number; committedOffset: bigint; metadata: string | null }[];
        }[];
      }[];
    }>(coordinators[0]!.nodeId, 'control', 'OffsetFetch', [
      [{ groupId: group, memberId: null, memberEpoch: -1, topics }],
      true,
    ]);
    const found = new Map<string, Committed>();
    for (const { name, partitions } of groups.flatMap((each) => each.topics)) {
      for (const { partitionIndex, committedOffset: offset, metadata } of partitions) {
        if (offset >= 0n)
          found.set(idOf({ topic: name, partition: partitionIndex }), { offset, metadata: metadata ?? '' });
      }
    }
    return found;
  }

  async trim(positions: readonly Position[]): Promise<void> {
    const { cluster } = await this.#opening.get();
    await cluster.know([...new Set(positions.map(({ topic }) => topic))]);
    for (const position of positions) {
      const leader = cluster.topic(position.topic)?.leaders[position.partition];
      if (leader === undefined || leader < 0) continue;
      const partitions = [{ partitionIndex: position.partition, offset: position.offset }];
      await cluster.ask(leader, 'control', 'DeleteRecords', [
        [{ name: position.topic, partitions }],
        REQUEST_MS,
      ]);
    }
  }

  async join(options: MemberOptions, listener: MemberListener): Promise<GroupMember> {
    const { cluster } = await this.#opening.get();
    const member = new Member(cluster, options, listener);
    await member.start();
    return member;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const parts = await this.#opening.settled();
    parts?.producer.close();
    await parts?.cluster.close();
  }

  async #open(): Promise<{ readonly cluster: Cluster; readonly producer: IdempotentProducer }> {
    if (this.#closed) throw new EventBusClosedError(`${USER} is closed.`);
    const kafka = await loadKafka(USER);
    const cluster = new Cluster(kafka, this.#connection, this.#timeoutMs);
    return (this.#parts = { cluster, producer: new IdempotentProducer(cluster, MAX_BATCH_BYTES) });
  }
}
