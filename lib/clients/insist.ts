import { toError } from '../dispatch/failure.js';
import { realPause } from '../timer.js';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2000;

/** Repeats what a server did not take, less and less often, until it does or the signal aborts. Reports every failure. */
export async function insist(
  work: () => Promise<void>,
  signal: AbortSignal,
  report: (error: Error) => void,
): Promise<void> {
  for (let wait = FIRST_RETRY_MS; !signal.aborted; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return;
      report(toError(error));
      await realPause(wait, signal);
    }
  }
}
