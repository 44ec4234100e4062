import { EventConfigurationError } from '../../errors.js';

/** The package, as it is imported. */
export type BullMQ = typeof import('bullmq');

/** @throws {EventConfigurationError} when the package is missing. */
export async function loadBullMQ(): Promise<BullMQ> {
  try {
    return await import('bullmq');
  } catch (cause) {
    throw new EventConfigurationError(
      'BullMQBackend needs the package bullmq. Install it: npm install bullmq ioredis',
      { cause },
    );
  }
}
