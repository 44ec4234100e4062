import type { Mistake } from './altered.js';
import { restartMistakes, shutdownMistakes } from './redis-restarts.js';
import { type MakeRedis, sharingMistakes } from './redis.js';

/** All mistakes of a durable backend that show in one process and with a broker that stays. */
export function durableMistakes(redis: MakeRedis): Readonly<Record<string, Mistake>> {
  return { ...sharingMistakes(redis), ...restartMistakes(redis), ...shutdownMistakes(redis) };
}

/** Cases whose mistakes need a hook that makes them. */
export const CLOSED_CLIENT = 'leaves a client open that it was given';
export const CUT_CONNECTION = 'notices connections that are cut without an end, and works on over new ones';
