import { describe } from '@jest/globals';
import { services } from './provide.js';

export * from './postgres-server.js';

/**
 * `describe` for tests that stop, kill or configure the server. Where POSTGRES_URL names somebody's server they are
 * skipped, with the reason in their name.
 */
export const describeWithOwnPostgres: (name: string, tests: () => void) => void = process.env[
  services.postgres.urlVariable
]
  ? (name, tests) =>
      describe.skip(`${name} (not run: the server of POSTGRES_URL is not ours to break)`, tests)
  : (name, tests) => describe(name, tests);
