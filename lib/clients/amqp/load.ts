import { EventConfigurationError } from '../../errors.js';

/**
 * The AMQP 0-9-1 client.
 *
 * @param user Who needs it.
 * @throws {EventConfigurationError} when it is not installed.
 */
export async function loadAmqplib(user: string): Promise<typeof import('amqplib')> {
  try {
    return await import('amqplib');
  } catch (cause) {
    throw new EventConfigurationError(`${user} needs the package amqplib. Install it: npm install amqplib`, {
      cause,
    });
  }
}
