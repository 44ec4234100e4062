import { setTimeout as sleep } from 'node:timers/promises';
import { EventTimeoutError } from '../../errors.js';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5000;

/** Resolves when the signal aborts. */
export function abortion(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

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
 * @throws {EventTimeoutError} when it does not.
 */
export async function inTime<T>(ms: number, work: Promise<T>): Promise<T> {
  let result: T;
  if (
    await within(
      ms,
      work.then((value) => (result = value)),
    )
  )
    return result!;
  throw new EventTimeoutError(
    `Redis did not answer within ${ms} ms. Check that it runs and that 'connection' is right.`,
  );
}

/** Repeats what Redis did not take, less and less often, until it does or the signal aborts. Reports every failure. */
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
      report(error as Error);
      await sleep(wait, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The group is not there, as after FLUSHALL: what it had pending is gone with it. */
export function isGroupMissing(error: unknown): boolean {
  return (error as Error).message.includes('NOGROUP');
}
