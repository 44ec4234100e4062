import { describe } from '@jest/globals';
import { services } from './provide.js';

export * from './nats-server.js';

/**
 * `describe` for tests that stop, kill or configure the server. Where NATS_URL names somebody's server they are
 * skipped, with the reason in their name.
 */
export const describeWithOwnNats: (name: string, tests: () => void) => void = process.env[
  services.nats.urlVariable
]
  ? (name, tests) => describe.skip(`${name} (not run: the server of NATS_URL is not ours to break)`, tests)
  : (name, tests) => describe(name, tests);
