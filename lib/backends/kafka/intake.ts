import {
  type Fetched,
  type Fetcher,
  type FetchTarget,
  type GroupMember,
  idOf,
  type KafkaClient,
  LostPartitionError,
  type MemberListener,
  type Position,
  type TopicPartition,
} from '../../clients/kafka/client.js';
import { within } from '../../clients/in-time.js';
import { toError } from '../../dispatch/failure.js';
import { pause } from '../../timer.js';
import type { Claim } from './claim.js';
import { Partition } from './partition.js';
import { Progress } from './progress.js';

/** What has been done in this time is committed at once. */
const COMMIT_EVERY_MS = 5;
const RETRY_MS = 100;
/** How long letting go waits for what runs to end, in sessions. */
const SESSIONS_TO_END = 2;

/** What an intake works with. */
export interface IntakeParts {
  readonly client: KafkaClient;
  readonly group: string;
  readonly topics: readonly string[];
  readonly sessionMs: number;
  readonly startFrom: 'first' | 'next';
  /** Whether the order of keys is kept in this topic. */
  readonly ordered: (topic: string) => boolean;
  /** How many claims may begin now. */
  readonly room: () => number;
  readonly begin: (claim: Claim) => void;
  /** A claim of which this process lost the partition. */
  readonly lost: (claim: Claim) => void;
  /** Reads what was stored of events that wait for a retry in their place. */
  readonly restore?: (progress: Progress, partition: TopicPartition) => Promise<(claim: Claim) => void>;
  /** Makes topics that are missing. */
  readonly ensure: () => Promise<void>;
  readonly report: (error: Error) => void;
}

/** Membership of a group, its partitions, what is read of them, and how far the group has come. */
export class Intake implements MemberListener, FetchTarget {
  /** Claims that this process lost to others. */
  lostClaims = 0;
  readonly #partitions = new Map<string, Partition>();
  /** Partitions that the group has given us, until it takes them away. */
  readonly #mine = new Map<string, symbol>();
  readonly #holds = new Map<Partition, (claim: Claim) => void>();
  readonly #stop = new AbortController();
  #member: GroupMember | undefined;
  #fetcher: Fetcher | undefined;
  #stopping = false;
  #committing: Promise<void> | undefined;
  /** Claims that have begun since then, and how many did so in a millisecond before. */
  #begun = 0;
  #countedAt = 0;
  #perMs = 0;
  /** The last request worked. */
  #well = true;
  #opened: () => void = () => undefined;

  constructor(private readonly parts: IntakeParts) {}

  /** Whether it has its place in the group, and brokers answer. */
  get well(): boolean {
    return this.#well && this.#member?.alive === true;
  }

  get partitions(): readonly Partition[] {
    return [...this.#partitions.values()];
  }

  /** Resolves when the first partitions are read. */
  async start(): Promise<void> {
    const { client, group, topics, sessionMs } = this.parts;
    this.#fetcher = client.fetch(this);
    this.#member = await client.join({ group, topics, sessionMs }, this);
    if (this.#mine.size === 0 || this.#partitions.size > 0) return;
    await within(sessionMs, new Promise<void>((resolve) => (this.#opened = resolve)));
  }

  /** There is room, or something was done. */
  poke(): void {
    if (this.#stopping) return;
    this.#pump();
    this.#fetcher?.wake();
  }

  /** Commits what is to be committed, soon. */
  commitSoon(): void {
    this.#committing ??= this.#commitAll();
  }

  /** Resolves when everything is committed that is to be. */
  async committed(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing;
  }

  /** Whether anything is still to be committed. */
  get dirty(): boolean {
    return this.#committing !== undefined || this.partitions.some(({ progress }) => progress.changed);
  }

  /** Commits one partition now. */
  async commitNow(partition: Partition): Promise<void> {
    await this.#member!.commit([commitOf(partition, false)]);
  }

  /** Takes nothing in any more; resolves when nothing comes. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#fetcher?.stop();
  }

  /** Hands the partitions over, in good order. */
  async leave(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    const member = this.#member;
    await this.#fetcher?.stop();
    await within(timeoutMs, this.committed());
    const mine = [...this.#partitions.values()];
    for (const partition of mine) partition.close();
    this.#stop.abort();
    if (member?.alive === true) {
      const last = member.commit(mine.map((each) => commitOf(each, true)));
      await within(timeoutMs, last).catch((error: unknown) => this.parts.report(toError(error)));
    }
    this.#partitions.clear();
    if (member !== undefined) await within(timeoutMs, member.leave());
  }

  assigned(partitions: readonly TopicPartition[]): void {
    void this.#open(partitions);
  }

  async revoked(partitions: readonly TopicPartition[]): Promise<void> {
    const mine = this.#taken(partitions);
    for (const claim of claimsOf(mine)) if (!claim.begun) this.parts.lost(claim);
    const ended = async () => {
      while (claimsOf(mine).some((claim) => claim.begun && !claim.settled && !claim.lost))
        await pause(5, this.#stop.signal);
    };
    if (this.#stop.signal.aborted) return;
    await within(SESSIONS_TO_END * this.parts.sessionMs, ended());
    this.#lose(claimsOf(mine));
    const last = mine.map((each) => commitOf(each, true));
    for (const each of mine) this.#forget(each);
    if (last.length > 0) await this.#member!.commit(last);
  }

  lost(partitions: readonly TopicPartition[]): void {
    const mine = this.#taken(partitions);
    for (const partition of mine) this.#forget(partition);
    this.#lose(claimsOf(mine));
  }

  wanted(): readonly Position[] {
    if (this.#stopping) return [];
    return [...this.#partitions.values()].flatMap((partition) => partition.position ?? []);
  }

  patience(): number {
    const now = performance.now();
    if (now > this.#countedAt) this.#perMs = this.#begun / (now - this.#countedAt);
    this.#countedAt = now;
    this.#begun = 0;
    const paused = this.partitions.filter(({ open, position }) => open && position === undefined);
    if (paused.length === 0) return Infinity;
    // As long as half of what is here lasts, at the pace of late.
    const least = Math.min(...paused.map(({ ready }) => ready));
    return this.#perMs === 0 ? Infinity : least / 2 / this.#perMs;
  }

  answered(): void {
    this.#well = true;
  }

  received(fetched: Fetched): void {
    const partition = this.#partitions.get(idOf(fetched));
    if (partition === undefined || partition.closed || this.#stopping) return;
    // Asked for before the partition was lost and came back: what is not done before it would be passed over.
    if (fetched.from > partition.progress.next) return;
    partition.receive(fetched, this.#holds.get(partition) ?? (() => undefined));
    // What carries no work, such as marks of transactions, is passed as well.
    if (partition.progress.size === 0) partition.progress.changed = true;
    this.commitSoon();
    this.#pump();
  }

  misplaced(where: TopicPartition): void {
    const partition = this.#partitions.get(idOf(where));
    if (partition === undefined || !partition.open || partition.closed) return;
    this.parts.report(
      new Error(
        `Partition ${where.partition} of topic '${where.topic}' does not have what comes next any more: the topic was made anew, or its retention is too short. It is read from its first record on.`,
      ),
    );
    partition.close();
    this.#forget(partition);
    this.#lose(claimsOf([partition]));
    void this.#startOver(where);
  }

  failed(error: Error): void {
    // An outage is reported once, not with every attempt to end it.
    if (this.#well && !this.#stop.signal.aborted) this.parts.report(error);
    this.#well = false;
  }

  /** Finds out how far the group has come, and says that this process is at it from now on. Then it reads. */
  async #open(those: readonly TopicPartition[]): Promise<void> {
    const tokens = new Map(those.map((each) => [idOf(each), Symbol(idOf(each))]));
    for (const [id, token] of tokens) this.#mine.set(id, token);
    const still = (where: TopicPartition) => this.#mine.get(idOf(where)) === tokens.get(idOf(where));
    await this.#insist(async () => {
      const opening = await this.#adopt(those.filter(still));
      const mine = opening.filter(still);
      if (mine.length === 0) return;
      await (await this.#joined()).commit(mine.map((each) => commitOf(each, false)));
      for (const partition of mine) {
        const hold = await this.parts.restore?.(partition.progress, partition);
        if (!still(partition)) continue;
        if (hold !== undefined) this.#holds.set(partition, hold);
        partition.open = true;
        this.#partitions.set(idOf(partition), partition);
      }
    });
    this.#opened();
    this.poke();
  }

  async #adopt(those: readonly TopicPartition[]): Promise<Partition[]> {
    const { client, group, startFrom } = this.parts;
    if (those.length === 0) return [];
    const [committed, ends] = await Promise.all([
      client.committed(group, those),
      client.offsets(those, 'next'),
    ]);
    const fresh = those.filter((each) => !committed.has(idOf(each)));
    const starts = startFrom === 'next' || fresh.length === 0 ? ends : await client.offsets(fresh, 'first');
    return those.map((where) => {
      const start = committed.get(idOf(where)) ?? { offset: starts.get(idOf(where)), metadata: '' };
      const end = ends.get(idOf(where));
      if (start.offset === undefined || end === undefined)
        throw new Error(`Partition ${where.partition} of topic '${where.topic}' has no leader yet.`);
      const progress = new Progress(start.offset, start.metadata);
      progress.adopt(end);
      return this.#partition(where, progress);
    });
  }

  #partition(where: TopicPartition, progress: Progress): Partition {
    const ordered = this.parts.ordered(where.topic);
    return new Partition(where, progress, { ordered, onReady: () => this.#pump() });
  }

  /** The group may have given us partitions in the moment before we know that we have joined it. */
  async #joined(): Promise<GroupMember> {
    while (this.#member === undefined && !this.#stop.signal.aborted) await pause(1, this.#stop.signal);
    return this.#member!;
  }

  async #startOver(where: TopicPartition): Promise<void> {
    const { client } = this.parts;
    await this.#insist(async () => {
      await this.parts.ensure();
      const first = (await client.offsets([where], 'first')).get(idOf(where));
      if (first === undefined)
        throw new Error(`The topic '${where.topic}' has no partition ${where.partition} yet.`);
      if (!this.#mine.has(idOf(where))) return;
      const partition = this.#partition(where, new Progress(first));
      partition.progress.changed = true;
      partition.open = true;
      this.#partitions.set(idOf(where), partition);
    });
    this.commitSoon();
    this.poke();
  }

  async #insist(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await work();
        this.#well = true;
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof LostPartitionError)) this.failed(toError(error));
        // What is lost is told to us as well; what is not is still to be opened.
        await pause(RETRY_MS, signal);
      }
    }
  }

  /** Begins with as many claims as there is room for, one partition after the other. */
  #pump(): void {
    if (this.#stopping) return;
    let room = this.parts.room();
    let found = true;
    while (room > 0 && found) {
      found = false;
      for (const partition of this.#partitions.values()) {
        if (room <= 0) break;
        const claim = partition.open ? partition.next() : undefined;
        if (claim === undefined) continue;
        found = true;
        room--;
        this.#begun++;
        this.parts.begin(claim);
      }
    }
  }

  async #commitAll(): Promise<void> {
    const { signal } = this.#stop;
    await pause(COMMIT_EVERY_MS, signal);
    const changed = this.partitions.filter(
      ({ progress, open, closed }) => open && !closed && progress.changed,
    );
    for (const { progress } of changed) progress.changed = false;
    try {
      if (changed.length > 0 && !signal.aborted) {
        await this.#member!.commit(changed.map((each) => commitOf(each, false)));
      }
    } catch (error) {
      for (const { progress } of changed) progress.changed = true;
      if (!(error instanceof LostPartitionError)) this.failed(toError(error));
      await pause(RETRY_MS, signal);
    }
    this.#committing = undefined;
    const more = this.partitions.some(({ progress, open, closed }) => open && !closed && progress.changed);
    if (more && !signal.aborted) this.commitSoon();
  }

  /** What we have of partitions that are not ours any more. */
  #taken(those: readonly TopicPartition[]): Partition[] {
    for (const each of those) this.#mine.delete(idOf(each));
    const partitions = those.flatMap((each) => this.#partitions.get(idOf(each)) ?? []);
    for (const partition of partitions) partition.close();
    return partitions;
  }

  #forget(partition: Partition): void {
    if (this.#partitions.get(idOf(partition)) === partition) this.#partitions.delete(idOf(partition));
    this.#holds.delete(partition);
  }

  #lose(claims: readonly Claim[]): void {
    for (const claim of claims) {
      if (claim.lost || claim.settled) continue;
      this.lostClaims++;
      this.parts.lost(claim);
    }
  }
}

function claimsOf(partitions: readonly Partition[]): Claim[] {
  return partitions.flatMap(({ claims }) => [...claims]);
}

function commitOf({ topic, partition, progress }: Partition, over: boolean): Position & { metadata: string } {
  return { topic, partition, offset: progress.watermark, metadata: progress.metadata(over) };
}
