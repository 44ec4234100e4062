import { describe } from '@jest/globals';
import { services } from './provide.js';

export * from './redis-server.js';

/**
 * `describe` for tests that stop, kill or configure the server. Where REDIS_URL names somebody's server they are
 * skipped, with the reason in their name.
 */
export const describeWithOwnRedis: (name: string, tests: () => void) => void = process.env[
  services.redis.urlVariable
]
  ? (name, tests) => describe.skip(`${name} (not run: the server of REDIS_URL is not ours to break)`, tests)
  : (name, tests) => describe(name, tests);
