import type { RedisConnection } from './connection.js';
import { MOVE_DUE } from './scripts/publishing.js';
import type { ServerClock } from './server-clock.js';

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
    private readonly clock: ServerClock,
    private readonly schedules: readonly ScheduleKeys[],
  ) {}

  /** Moves a batch of each schedule. Resolves with the milliseconds until there is more to do. */
  async move(): Promise<number> {
    let wait = MAX_WAIT_MS;
    for (const keys of this.schedules) {
      const reply = await this.connection.run(MOVE_DUE, keys, [LIMIT]);
      const [now, moved, untilNext] = reply as [number, number, number];
      // Often enough that a failover to a server with another clock is soon known.
      this.clock.observe(now);
      if (moved === LIMIT) wait = 0;
      else if (untilNext >= 0) wait = Math.min(wait, untilNext);
    }
    return wait;
  }
}
