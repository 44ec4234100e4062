import { deadLetterKeysOf, type DeadLetterKeys } from '../../dead-letters/redis/codec.js';

/** Names of everything a group uses. The braces put all keys of a namespace into one slot of a cluster. */
export interface Keys extends DeadLetterKeys {
  /** Every event without a key, for every group. */
  readonly stream: string;
  /** The number of shards. */
  readonly shards: string;
  /** Delayed events: due time by id, and what to append by id. */
  readonly schedule: string;
  readonly scheduled: string;
  /** Deliveries to one handler of this group: retries, hand-overs, retried dead letters. */
  readonly retry: string;
  readonly retrySchedule: string;
  readonly retryScheduled: string;
  /** What each process of this group listens to, and until when its word holds. */
  readonly roster: string;
  readonly rosterLeases: string;
  /** Who of the group is there, until when; who has which shard, until when; a stream that tells of changes. */
  readonly shardMembers: string;
  readonly shardOwners: string;
  readonly shardMoves: string;
  /** What is left to do of events that wait in a shard for a retry, by shard and entry. */
  readonly shardProgress: string;
}

export function keysOf(namespace: string, group: string): Keys {
  const tag = `{${namespace}}`;
  return {
    ...sharedKeysOf(namespace),
    ...deadLetterKeysOf(namespace, group),
    retry: `${tag}:retry:${group}`,
    retrySchedule: `${tag}:retry-schedule:${group}`,
    retryScheduled: `${tag}:retry-scheduled:${group}`,
    roster: `${tag}:roster:${group}`,
    rosterLeases: `${tag}:roster-leases:${group}`,
    shardMembers: `${tag}:shard-members:${group}`,
    shardOwners: `${tag}:shard-owners:${group}`,
    shardMoves: `${tag}:shard-moves:${group}`,
    shardProgress: `${tag}:shard-progress:${group}`,
  };
}

/** The keys that publishing needs; they do not depend on the group. */
export function sharedKeysOf(namespace: string): Pick<Keys, 'stream' | 'shards' | 'schedule' | 'scheduled'> {
  const tag = `{${namespace}}`;
  return {
    stream: `${tag}:stream`,
    shards: `${tag}:shards`,
    schedule: `${tag}:schedule`,
    scheduled: `${tag}:scheduled`,
  };
}

/** The streams of events with a key, one for each shard. */
export function shardStreamsOf(namespace: string, shards: number): string[] {
  return Array.from({ length: shards }, (_, shard) => `{${namespace}}:stream:${shard}`);
}
