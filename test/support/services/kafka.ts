import { describe } from '@jest/globals';
import { services } from './provide.js';

export * from './kafka-server.js';

/**
 * `describe` for tests that stop, kill or configure the broker. Where KAFKA_BROKERS names somebody's broker they are
 * skipped, with the reason in their name.
 */
export const describeWithOwnKafka: (name: string, tests: () => void) => void = process.env[
  services.kafka.urlVariable
]
  ? (name, tests) =>
      describe.skip(`${name} (not run: the broker of KAFKA_BROKERS is not ours to break)`, tests)
  : (name, tests) => describe(name, tests);
