import type { RedisConnection } from '../../clients/redis/connection.js';
import type { Keys } from './keys.js';
import { GAUGES } from './scripts/upkeep.js';

/** Where Redis does not know the number of unread entries, they are counted up to here. */
const COUNT_LIMIT = 1000;

/** How much a group has to do. */
export interface Gauges {
  /** Entries that no process of the group was given yet. */
  readonly queued: number;
  /** Entries that were given to one and not acknowledged. */
  readonly pending: number;
  /** Retries that wait for their time. */
  readonly scheduled: number;
  /** Delayed events of all groups. */
  readonly delayed: number;
  /** Those of them whose time has come. */
  readonly delayedDue: number;
  /** Dead letters that are dead or being retried. */
  readonly deadLetters: number;
}

export async function readGauges(
  connection: RedisConnection,
  keys: Keys,
  shardStreams: readonly string[],
  group: string,
): Promise<Gauges> {
  const { stream, retry, retrySchedule, schedule, deadIndex, deadClosed } = keys;
  const reply = await connection.run(
    GAUGES,
    [retrySchedule, schedule, deadIndex, deadClosed, stream, retry, ...shardStreams],
    [group, COUNT_LIMIT],
  );
  const [queued, pending, scheduled, delayed, delayedDue, deadLetters] = reply as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { queued, pending, scheduled, delayed, delayedDue, deadLetters };
}
