import { EventConfigurationError } from '../../errors.js';

/**
 * The NATS client.
 *
 * @param user Who needs it.
 * @throws {EventConfigurationError} when it is not installed.
 */
export async function loadTransport(user: string): Promise<typeof import('@nats-io/transport-node')> {
  try {
    return await import('@nats-io/transport-node');
  } catch (cause) {
    throw missing(user, '@nats-io/transport-node', cause);
  }
}

/**
 * The part of the client for JetStream.
 *
 * @param user Who needs it.
 * @throws {EventConfigurationError} when it is not installed.
 */
export async function loadJetStream(user: string): Promise<typeof import('@nats-io/jetstream')> {
  try {
    return await import('@nats-io/jetstream');
  } catch (cause) {
    throw missing(user, '@nats-io/jetstream', cause);
  }
}

function missing(user: string, name: string, cause: unknown): EventConfigurationError {
  return new EventConfigurationError(`${user} needs the package ${name}. Install it: npm install ${name}`, {
    cause,
  });
}
