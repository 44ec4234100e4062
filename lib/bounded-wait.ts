import { after } from './timer.js';

/** How long releasing may take, in milliseconds. */
const RELEASE_MS = 1000;

/** How a wait ends when the work does not. */
export interface WaitLimits {
  /** Milliseconds that the work has before it is interrupted. */
  readonly timeoutMs: number;
  /** The time is up, for the first time: interrupts what the work waits for. Not called without an `interrupt`. */
  readonly interrupt?: () => void;
  /** What is interrupted has so many milliseconds to come to an end. */
  readonly graceMs: number;
}

/**
 * Waits for work in two phases. When the time of the first is up the work is interrupted; when that of the second is up,
 * too, its signal aborts: it has a moment to release what it holds, and then the wait ends whether it has or not.
 *
 * @param work Told by its signal to leave off.
 * @throws (rejects with) what the work throws before that.
 */
export async function boundedWait(
  work: (signal: AbortSignal) => Promise<void>,
  { timeoutMs, interrupt, graceMs }: WaitLimits,
): Promise<void> {
  const leaveOff = new AbortController();
  let cancel: (() => void) | undefined;
  const expired = new Promise<void>((resolve) => {
    const abort = () => {
      leaveOff.abort();
      cancel = after(RELEASE_MS, resolve);
    };
    if (interrupt === undefined) return abort();
    cancel = after(timeoutMs, () => {
      interrupt();
      cancel = after(graceMs, abort);
    });
  });
  try {
    await Promise.race([work(leaveOff.signal), expired]);
  } finally {
    cancel?.();
  }
}
