import { describe } from '@jest/globals';
import { services } from './provide.js';

export * from './rabbitmq-server.js';

/**
 * `describe` for tests that stop, kill or configure the server. Where AMQP_URL names somebody's server they are
 * skipped, with the reason in their name.
 */
export const describeWithOwnRabbitMQ: (name: string, tests: () => void) => void = process.env[
  services.rabbitmq.urlVariable
]
  ? (name, tests) => describe.skip(`${name} (not run: the server of AMQP_URL is not ours to break)`, tests)
  : (name, tests) => describe(name, tests);
