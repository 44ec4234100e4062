import { after } from './timer.js';

/** What each step after the time is up gets before the next one, in milliseconds. */
const GRACE_MS = 1000;

/** How a wait ends when the work does not. */
export interface WaitLimits {
  /** Milliseconds that the work has before it is interrupted. */
  readonly timeoutMs: number;
  /** The time is up, for the first time: interrupts what the work waits for. Not called without an `interrupt`. */
  readonly interrupt?: () => void;
}

/**
 * Waits for work within limits: when the time is up it is interrupted, a grace later its signal aborts, and another
 * grace later the wait ends whether the work has ended or not.
 *
 * @param work Told by its signal to leave off.
 * @throws (rejects with) what the work throws before that.
 */
export async function boundedWait(
  work: (signal: AbortSignal) => Promise<void>,
  { timeoutMs, interrupt }: WaitLimits,
): Promise<void> {
  const leaveOff = new AbortController();
  let cancel: (() => void) | undefined;
  const expired = new Promise<void>((resolve) => {
    const abort = () => {
      leaveOff.abort();
      cancel = after(GRACE_MS, resolve);
    };
    if (interrupt === undefined) return abort();
    cancel = after(timeoutMs, () => {
      interrupt();
      cancel = after(GRACE_MS, abort);
    });
  });
  try {
    await Promise.race([work(leaveOff.signal), expired]);
  } finally {
    cancel?.();
  }
}
