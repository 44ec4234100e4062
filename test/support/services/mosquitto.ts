import { describe } from '@jest/globals';
import { services } from './provide.js';

export * from './mosquitto-server.js';

/**
 * `describe` for tests that stop or kill the server. Where MQTT_URL names somebody's server they are skipped, with the
 * reason in their name.
 */
export const describeWithOwnMosquitto: (name: string, tests: () => void) => void = process.env[
  services.mosquitto.urlVariable
]
  ? (name, tests) => describe.skip(`${name} (not run: the server of MQTT_URL is not ours to break)`, tests)
  : (name, tests) => describe(name, tests);
