import { EventConfigurationError } from '../../errors.js';

/** The package, as it is loaded. */
export type Platformatic = typeof import('@platformatic/kafka');

/**
 * The Kafka client.
 *
 * @param user Who needs it.
 * @throws {EventConfigurationError} when it is not installed.
 */
export async function loadKafka(user: string): Promise<Platformatic> {
  try {
    return await import('@platformatic/kafka');
  } catch (cause) {
    throw new EventConfigurationError(
      `${user} needs the package @platformatic/kafka. Install it: npm install @platformatic/kafka`,
      { cause },
    );
  }
}
