import { randomUUID } from 'node:crypto';
import { abortion } from '../../in-time.js';
import { pause } from '../../../timer.js';
import { toError } from '../../../dispatch/failure.js';
import { EventConfigurationError } from '../../../errors.js';
import {
  type Commit,
  type GroupMember,
  idOf,
  LostPartitionError,
  type MemberListener,
  type MemberOptions,
  type TopicPartition,
} from '../client.js';
import { grouped } from '../grouped.js';
import { isAnswer, namesOf } from './answers.js';
import { assign } from './assignor.js';
import type { Cluster, Purpose } from './cluster.js';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  PROTOCOL,
  type Subscription,
} from './consumer-protocol.js';

const GROUP = 0;
const RETRY_MS = 100;
const TYPE = 'consumer';
/** How often a member tells that it is there, within bounds; and so, how soon it hears that others come and go. */
const HEARTBEATS_PER_SESSION = 10;
const MAX_HEARTBEAT_MS = 1000;
/** How often the leader looks whether topics have got more partitions. */
const LOOK_MS = 30_000;
const NO_COORDINATOR = ['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS'];

interface Joined {
  readonly generationId: number;
  readonly leader: string;
  readonly memberId: string | null;
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer | null }[];
}

/**
 * A member of a consumer group by the classic protocol, which every broker knows. Partitions are handed over in two
 * steps: who has one goes on with it until it is told to let go, and the next one gets it when it has.
 */
export class Member implements GroupMember {
  readonly #stop = new AbortController();
  readonly #purpose: Purpose = `group ${randomUUID()}`;
  readonly #everyMs: number;
  #memberId = '';
  #generation = -1;
  #coordinator: number | undefined;
  #owned: readonly TopicPartition[] = [];
  #counts = new Map<string, number>();
  #leads = false;
  /** By `performance.now()`: when the group had heard of it last, at least. */
  #heardAt = -Infinity;
  #lookedAt = 0;
  /** By `performance.now()`: since when it waits for the others to join; the group counts on it meanwhile. */
  #joining: number | undefined;
  /** Partitions that it was told to let go of. */
  readonly #leaving = new Set<string>();
  #losses = 0;
  #rejoin = false;
  #wake: () => void = () => undefined;
  #watch: NodeJS.Timeout | undefined;
  /** Rejects when it leaves: that does not wait for others to join. */
  readonly #left: Promise<never>;

  constructor(
    private readonly cluster: Cluster,
    private readonly options: MemberOptions,
    private readonly listener: MemberListener,
  ) {
    this.#left = abortion(this.#stop.signal).then(() => Promise.reject(new Error('the member leaves')));
    this.#left.catch(() => undefined); // whoever waits for it is told
    this.#everyMs = Math.min(MAX_HEARTBEAT_MS, Math.max(20, options.sessionMs / HEARTBEATS_PER_SESSION));
  }

  get alive(): boolean {
    if (this.#generation < 0) return false;
    const now = performance.now();
    if (this.#joining !== undefined && now - this.#joining < this.#rebalanceMs) return true;
    return now - this.#heardAt < this.options.sessionMs;
  }

  /** @throws when the group cannot be joined. */
  async start(): Promise<void> {
    await this.#join();
    this.#watch = setInterval(() => this.#look(), Math.max(20, this.options.sessionMs / 15));
    void this.#live();
  }

  async commit(commits: readonly Commit[]): Promise<void> {
    if (!this.alive) throw new LostPartitionError('The group has given this member up.');
    const generation = this.#generation;
    const list = [...grouped(commits, ({ topic }) => topic)].map(([name, those]) => ({
      name,
      partitions: those.map(({ partition, offset, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: -1,
        committedMetadata: metadata,
      })),
    }));
    const { group } = this.options;
    try {
      await this.#ask('OffsetCommit', [group, generation, this.#memberId, null, list]);
    } catch (error) {
      const outdated = isAnswer(error, 'ILLEGAL_GENERATION') && generation === this.#generation;
      if (outdated || isAnswer(error, 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID')) {
        throw new LostPartitionError('The group has given this member up.', { cause: error });
      }
      throw error;
    }
  }

  async leave(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    clearInterval(this.#watch);
    const { group } = this.options;
    if (this.#memberId !== '' && this.alive) {
      const members = [{ memberId: this.#memberId, groupInstanceId: null, reason: null }];
      await this.#ask('LeaveGroup', [group, members]).catch((error: unknown) => {
        if (!isAnswer(error, 'UNKNOWN_MEMBER_ID')) this.listener.failed(toError(error));
      });
    }
    this.#generation = -1;
    this.#owned = [];
    await this.cluster.drop(this.#purpose);
  }

  /** Tells the group that it is there, and joins again when somebody came or went. */
  async #live(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      if (!this.#rejoin) await this.#interval();
      if (signal.aborted) return;
      try {
        await (this.#rejoin ? this.#join() : this.#heartbeat());
      } catch (error) {
        if (signal.aborted) return;
        this.listener.failed(toError(error));
        await pause(RETRY_MS, signal);
      }
    }
  }

  #interval(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), this.#everyMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #heartbeat(): Promise<void> {
    if (this.#generation < 0) return this.#join();
    const sentAt = performance.now();
    try {
      await this.#ask('Heartbeat', [this.options.group, this.#generation, this.#memberId, null]);
      this.#heardAt = Math.max(this.#heardAt, sentAt);
      if (this.#leads && (await this.#topicsGrew())) await this.#join();
    } catch (error) {
      if (isAnswer(error, 'REBALANCE_IN_PROGRESS')) {
        this.#heardAt = Math.max(this.#heardAt, sentAt);
        return this.#join();
      }
      if (!isAnswer(error, 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION')) throw error;
      this.#lose();
      await this.#join();
    }
  }

  /** Joins until the group has agreed on who gets what. What is to be let go of is let go of meanwhile. */
  async #join(): Promise<void> {
    const { signal } = this.#stop;
    this.#rejoin = false;
    while (!signal.aborted) {
      this.#joining = performance.now();
      let given: readonly TopicPartition[];
      try {
        given = await this.#agree();
      } catch (error) {
        if (isAnswer(error, 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION')) this.#lose();
        else if (!isAnswer(error, 'REBALANCE_IN_PROGRESS', 'MEMBER_ID_REQUIRED', ...NO_COORDINATOR))
          throw this.#explained(error);
        if (isAnswer(error, ...NO_COORDINATOR)) await pause(RETRY_MS, signal);
        continue;
      } finally {
        this.#joining = undefined;
      }
      if (signal.aborted) return;
      this.#take(given);
      return;
    }
  }

  #take(given: readonly TopicPartition[]): void {
    const keep = new Set(given.map(idOf));
    const had = new Set(this.#owned.map(idOf));
    const leaving = this.#leaving;
    const revoked = this.#owned.filter((each) => !keep.has(idOf(each)) && !leaving.has(idOf(each)));
    const added = given.filter((each) => !had.has(idOf(each)));
    this.#owned = [...this.#owned, ...added];
    if (added.length > 0) this.listener.assigned(added);
    if (revoked.length > 0) void this.#letGo(revoked);
  }

  /** While heartbeats go on. When it joins again without them, others can get them. */
  async #letGo(revoked: readonly TopicPartition[]): Promise<void> {
    const generation = this.#losses;
    for (const each of revoked) this.#leaving.add(idOf(each));
    try {
      await this.listener.revoked(revoked);
    } catch (error) {
      this.listener.failed(toError(error));
    }
    if (generation !== this.#losses) return; // they are gone already
    this.#owned = this.#owned.filter((each) => !revoked.includes(each));
    for (const each of revoked) this.#leaving.delete(idOf(each));
    this.#rejoin = true;
    this.#wake();
  }

  /** One round: everybody says what it has, one of them shares out, and everybody gets what is its. */
  async #agree(): Promise<readonly TopicPartition[]> {
    const { group, sessionMs, topics } = this.options;
    const subscription = { topics, owned: this.#owned, generation: this.#generation };
    const protocols = [{ name: PROTOCOL, metadata: encodeSubscription(subscription) }];
    const args = [group, sessionMs, this.#rebalanceMs, this.#memberId, null, TYPE, protocols, null];
    let joined: Joined;
    try {
      joined = await this.#ask<Joined>('JoinGroup', args, this.#rebalanceMs);
    } catch (error) {
      const { memberId } = (error as { response?: Partial<Joined> }).response ?? {};
      if (isAnswer(error, 'MEMBER_ID_REQUIRED') && memberId) this.#memberId = memberId;
      throw error;
    }
    this.#memberId = joined.memberId!;
    this.#generation = joined.generationId;
    // The others may have kept us waiting for longer than a session: it begins now.
    this.#heardAt = performance.now();
    this.#leads = joined.leader === this.#memberId;
    const assignments = this.#leads ? await this.#shares(joined) : [];
    const sync = [group, this.#generation, this.#memberId, null, TYPE, PROTOCOL, assignments];
    const { assignment } = await this.#ask<{ assignment: Buffer }>('SyncGroup', sync, this.#rebalanceMs);
    return decodeAssignment(assignment);
  }

  async #shares({ members }: Joined): Promise<{ memberId: string; assignment: Buffer }[]> {
    const subscriptions = new Map<string, Subscription>(
      members.map(({ memberId, metadata }) => [memberId, decodeSubscription(metadata!)]),
    );
    const topics = [...new Set([...subscriptions.values()].flatMap((each) => each.topics))];
    await this.cluster.refresh(topics);
    this.#counts = this.#countsOf(topics);
    this.#lookedAt = performance.now();
    return [...assign(subscriptions, this.#counts)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }));
  }

  async #topicsGrew(): Promise<boolean> {
    if (performance.now() - this.#lookedAt < LOOK_MS) return false;
    this.#lookedAt = performance.now();
    const topics = [...this.#counts.keys()];
    await this.cluster.refresh(topics);
    const counts = this.#countsOf(topics);
    const grew = topics.some((topic) => (counts.get(topic) ?? 0) > this.#counts.get(topic)!);
    // A leader that joins again makes the group share anew.
    return grew;
  }

  #countsOf(topics: readonly string[]): Map<string, number> {
    return new Map(topics.map((topic) => [topic, this.cluster.topic(topic)?.leaders.length ?? 0]));
  }

  /** The group gives those up that do not join again within this time. */
  get #rebalanceMs(): number {
    return Math.max(2 * this.options.sessionMs, 5000);
  }

  /** Where nothing was heard for a session, others have our partitions by now. */
  #look(): void {
    if (this.#generation >= 0 && !this.alive) this.#lose();
  }

  #lose(): void {
    const lost = this.#owned;
    this.#losses++;
    this.#leaving.clear();
    this.#owned = [];
    this.#generation = -1;
    this.#memberId = '';
    if (lost.length > 0) this.listener.lost(lost);
  }

  async #ask<T>(api: string, args: readonly unknown[], waitMs = 0): Promise<T> {
    try {
      const node = (this.#coordinator ??= await this.#find());
      const asked = this.cluster.ask<T>(node, this.#purpose, api, args, waitMs);
      return await (api === 'LeaveGroup' || api === 'OffsetCommit'
        ? asked
        : Promise.race([asked, this.#left]));
    } catch (error) {
      if (namesOf(error).length === 0 || isAnswer(error, ...NO_COORDINATOR)) this.#coordinator = undefined;
      throw error;
    }
  }

  async #find(): Promise<number> {
    const asked = [GROUP, [this.options.group]];
    const { coordinators } = await this.cluster.ask<{ coordinators: readonly { nodeId: number }[] }>(
      undefined,
      'control',
      'FindCoordinator',
      asked,
    );
    return coordinators[0]!.nodeId;
  }

  #explained(error: unknown): Error {
    if (isAnswer(error, 'INVALID_SESSION_TIMEOUT')) {
      return new EventConfigurationError(
        `Kafka refuses a session of ${this.options.sessionMs} ms. Set 'leaseMs' to a time between the broker's group.min.session.timeout.ms (6,000 unless it is set) and group.max.session.timeout.ms.`,
        { cause: error },
      );
    }
    if (isAnswer(error, 'INCONSISTENT_GROUP_PROTOCOL')) {
      return new EventConfigurationError(
        `The consumer group '${this.options.group}' has members of another kind. Set 'group' or 'namespace' to a name that nobody else uses.`,
        { cause: error },
      );
    }
    return toError(error);
  }
}
