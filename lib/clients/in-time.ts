import { EventTimeoutError } from '../errors.js';
import { inTime as endsInTime } from '../timer.js';

/** Waits for work to end, but not beyond the time; says whether it did. */
export async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The result of work that has to end in time.
 *
 * @param server Who is late then.
 * @throws {EventTimeoutError} when it does not.
 */
export function inTime<T>(server: string, ms: number, work: Promise<T>): Promise<T> {
  const late = () =>
    new EventTimeoutError(
      `${server} did not answer within ${ms} ms. Check that it runs and that 'connection' is right.`,
    );
  return endsInTime(work, ms, late);
}

/** Resolves when the signal aborts. */
export function abortion(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
