import type { RedisConnection } from './connection.js';
import { MOVE_DUE } from './scripts/publishing.js';

/** Entries moved per call. */
const LIMIT = 500;
/** Looks at least this often, for what other processes put on a schedule. */
const MAX_WAIT_MS = 1000;

/** Where entries wait for their time, and where they go then: schedule, scheduled, stream. */
export type ScheduleKeys = readonly [schedule: string, scheduled: string, stream: string];

/** Moves what is due to its stream. Any number of processes may do so: each entry is moved once. */
export class Mover {
  constructor(
    private readonly connection: RedisConnection,
    private readonly schedules: readonly ScheduleKeys[],
  ) {}

  /** Moves a batch of each schedule. Resolves with the milliseconds until there is more to do. */
  async move(): Promise<number> {
    let wait = MAX_WAIT_MS;
    for (const keys of this.schedules) {
      const [moved, untilNext] = (await this.connection.run(MOVE_DUE, keys, [LIMIT])) as [number, number];
      if (moved === LIMIT) wait = 0;
      else if (untilNext >= 0) wait = Math.min(wait, untilNext);
    }
    return wait;
  }
}
