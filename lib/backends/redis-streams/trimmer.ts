import type { RedisConnection } from '../../clients/redis/connection.js';
import type { Keys } from './keys.js';
import { TRIM } from './scripts/upkeep.js';

const MIN_INTERVAL_MS = 1000;
const MAX_INTERVAL_MS = 30_000;

/** Removes what every group has handled and is old enough; from the retry stream whatever was handled. */
export class Trimmer {
  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: Keys,
    private readonly shardStreams: readonly string[],
    private readonly minAgeMs: number,
  ) {}

  /** Resolves with the milliseconds until it is worth while again. */
  async trim(): Promise<number> {
    const { stream, retry } = this.keys;
    if (this.minAgeMs !== Infinity) {
      await this.connection.run(TRIM, [stream, ...this.shardStreams], [this.minAgeMs]);
    }
    await this.connection.run(TRIM, [retry], [0]);
    return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, this.minAgeMs / 2));
  }
}
