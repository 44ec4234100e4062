import { EventConfigurationError } from '../../errors.js';

/** The client of SQS, with its commands. */
export type SqsModule = typeof import('@aws-sdk/client-sqs');
/** The client of SNS, with its commands. */
export type SnsModule = typeof import('@aws-sdk/client-sns');

/**
 * The client of SQS.
 *
 * @param user Who needs it.
 * @throws {EventConfigurationError} when it is not installed.
 */
export async function loadSqs(user: string): Promise<SqsModule> {
  try {
    return await import('@aws-sdk/client-sqs');
  } catch (cause) {
    throw missing(user, '@aws-sdk/client-sqs', cause);
  }
}

/**
 * The client of SNS.
 *
 * @param user Who needs it.
 * @throws {EventConfigurationError} when it is not installed.
 */
export async function loadSns(user: string): Promise<SnsModule> {
  try {
    return await import('@aws-sdk/client-sns');
  } catch (cause) {
    throw missing(user, '@aws-sdk/client-sns', cause);
  }
}

function missing(user: string, name: string, cause: unknown): EventConfigurationError {
  return new EventConfigurationError(`${user} needs the package ${name}. Install it: npm install ${name}`, {
    cause,
  });
}
