import { CheckpointLostError } from '../errors.js';
import { pause } from '../timer.js';
import { pauseAfter } from './resolve-subscription.js';

/** The longest pause until a store that failed is asked again. */
const MAX_PAUSE_MS = 2000;

/**
 * Asks a store that fails again and again, until it answers.
 *
 * @param report Told of every failure, and of which attempt it was.
 * @throws What the last attempt did, when the signal has aborted.
 * @throws {CheckpointLostError} at once.
 */
export async function persistently<T>(
  ask: () => Promise<T>,
  over: AbortSignal,
  report: (error: unknown, attempt: number) => void,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof CheckpointLostError || over.aborted) throw error;
      report(error, attempt);
      await pause(Math.min(pauseAfter(attempt), MAX_PAUSE_MS), over);
      if (over.aborted) throw error;
    }
  }
}
