import type { KafkaClient } from '../../clients/kafka/client.js';
import { toError } from '../../dispatch/failure.js';
import { EventConfigurationError, EventTimeoutError } from '../../errors.js';
import { pause } from '../../timer.js';
import { USER } from './options.js';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2000;

/**
 * Connects and has everything in place; tries again until the time is up.
 *
 * @param where Which brokers, as they may be shown.
 * @throws {EventTimeoutError} when it is up.
 * @throws {EventConfigurationError} when it cannot work.
 */
export async function establish(
  client: KafkaClient,
  ensure: () => Promise<void>,
  where: string,
  timeoutMs: number,
  signal: AbortSignal,
  report: (error: Error) => void,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
    try {
      await client.open();
      return await ensure();
    } catch (cause) {
      if (cause instanceof EventConfigurationError) throw cause;
      const why = reasonOf(toError(cause));
      if (performance.now() + wait >= deadline || signal.aborted) {
        throw new EventTimeoutError(
          `${USER} could not get ready with Kafka at ${where} within ${timeoutMs} ms: ${why}. Check that it runs, and 'connection'.`,
          { cause },
        );
      }
      if (wait === FIRST_RETRY_MS)
        report(new Error(`${USER} cannot get ready with Kafka at ${where} yet: ${why}. It tries again.`));
      await pause(wait, signal);
    }
  }
}

function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? `${message} ${cause.message}` : message;
}
