import type { RedisConnection } from '../../../clients/redis/connection.js';
import { isGroupMissing } from '../../../clients/redis/waiting.js';
import type { SendAcks } from '../acks.js';
import type { Claim } from '../claim.js';
import type { Fields } from '../codec.js';
import type { Keys } from '../keys.js';
import type { Member } from '../leases.js';
import { ACK_SHARDS, BEGIN, HOLD, READ, RELEASE, TAKE_OVER } from '../scripts/ordering.js';

/** An entry of a shard as it is read. */
export interface ShardEntry {
  readonly id: string;
  readonly fields: Fields;
  /** How often it was delivered, this time included. */
  readonly deliveries: number;
  /** An earlier owner had it, and this delivery is not counted yet. */
  readonly takenOver: boolean;
  /** What an earlier owner stored as left to do; '' for nothing. */
  readonly progress: string;
}

/** An entry that is not handled, and how often it counts as delivered. */
export type Unhandled = readonly [id: string, deliveries: number];

/** What a process has, and how much it should have. */
export interface Holding {
  /** Server time, in Unix milliseconds. */
  readonly now: number;
  readonly share: number;
  /** Since when it has each, by index. Another time than before: others may have had it meanwhile. */
  readonly shards: ReadonlyMap<number, string>;
}

/** Where to read, and how. */
export interface ShardQuery {
  readonly index: number;
  readonly stream: string;
  readonly count: number;
}

/** What was read; `undefined` for a shard of somebody else. */
export type ShardReply = readonly ShardEntry[] | undefined;

/** The shards as Redis has them. Each call does nothing to a shard that is somebody else's. */
export class ShardLog {
  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
    private readonly member: Member,
    private readonly streams: readonly string[],
    private readonly leaseMs: number,
  ) {}

  /** Renews what this process has, and takes free shards up to its share. A process that leaves takes none. */
  async hold(staying: boolean): Promise<Holding> {
    const { shardMembers, shardOwners, shardMoves } = this.keys;
    const args = [this.member.consumer, this.leaseMs, this.streams.length, staying ? 1 : 0];
    const reply = await this.connection.run(HOLD, [shardMembers, shardOwners, shardMoves], args);
    const [now, share, ...rest] = reply as [number, number, ...(number | string)[]];
    const shards = new Map<number, string>();
    for (let i = 0; i < rest.length; i += 2) shards.set(rest[i] as number, rest[i + 1] as string);
    return { now, share, shards };
  }

  async release(index: number, unhandled: readonly Unhandled[]): Promise<void> {
    const { shardOwners, shardMoves } = this.keys;
    const args = [this.member.group, this.member.consumer, index, ...unhandled.flat()];
    try {
      await this.connection.run(RELEASE, [shardOwners, shardMoves, this.streams[index]!], args);
    } catch (error) {
      if (!isGroupMissing(error)) throw error;
    }
  }

  /**
   * A page of what earlier owners left.
   *
   * @returns Nothing for a shard of somebody else; `next` is where to go on, `given` the last entry that the group was given.
   */
  async takeOver(
    { index, stream, count }: ShardQuery,
    start: string,
  ): Promise<{ next: string | undefined; lost: number; entries: ShardEntry[]; given: string } | undefined> {
    const { group, consumer } = this.member;
    const keys = [this.keys.shardOwners, stream, this.keys.shardProgress];
    const reply = await this.connection.run(TAKE_OVER, keys, [group, consumer, index, start, count]);
    if (reply === null) return undefined;
    const [last, lost, rows, given] = reply as [string, number, [string, number, Fields, string][], string];
    const entries = rows.map(([id, times, fields, progress]) => {
      return { id, fields, deliveries: times + 1, takenOver: true, progress };
    });
    return { next: last === '' ? undefined : `(${last}`, lost, entries, given };
  }

  /** Counts a delivery. Resolves with whether the entry is still ours. */
  async count({ stream, id, deliveries }: Claim): Promise<boolean> {
    const args = [this.member.group, this.member.consumer, id, deliveries];
    try {
      return (await this.connection.run(BEGIN, [stream], args)) === 1;
    } catch (error) {
      if (isGroupMissing(error)) return false;
      throw error;
    }
  }

  /**
   * What is new, one reply for each query.
   *
   * @param queries With the id of the last entry that was read: what an answer brought that was lost comes again.
   */
  async read(queries: readonly (ShardQuery & { readonly lastId: string })[]): Promise<ShardReply[]> {
    const { group, consumer } = this.member;
    const args: (string | number)[] = [group, consumer];
    for (const { index, count, lastId } of queries) args.push(index, count, lastId);
    const keys = [this.keys.shardOwners, ...queries.map(({ stream }) => stream)];
    const replies = (await this.connection.run(READ, keys, args)) as ([string, Fields][] | null)[];
    return replies.map((reply) => reply?.map(newEntry));
  }

  /**
   * Acknowledges entries of any shards.
   *
   * @param deadlineOf Server time until which nobody else can have the shard of this index.
   */
  acknowledger(deadlineOf: (stream: string) => number): SendAcks {
    return async (claims) => {
      const streams = new Map<string, number>();
      const args: (string | number)[] = [this.member.group, this.member.consumer, 0];
      let deadline = Infinity;
      for (const { stream, id } of claims) {
        let number = streams.get(stream);
        if (number === undefined) {
          streams.set(stream, (number = streams.size + 1));
          deadline = Math.min(deadline, deadlineOf(stream));
        }
        args.push(number, id);
      }
      args[2] = deadline;
      return (await this.connection.run(ACK_SHARDS, [...streams.keys()], args)) as number;
    };
  }
}

function newEntry([id, fields]: [string, Fields]): ShardEntry {
  return { id, fields, deliveries: 1, takenOver: false, progress: '' };
}
