/** The longest wait that `setTimeout` takes; anything above would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Runs a function once after a time of any length.
 *
 * @param ms Milliseconds from now.
 * @returns A function that calls it off.
 */
export function after(ms: number, run: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number) => {
    const step = Math.min(left, MAX_TIMEOUT_MS);
    timer = setTimeout(() => (left > step ? wait(left - step) : run()), step);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

/**
 * Waits for work, but not for ever. What comes of it later is dropped.
 *
 * @param late The error when the time is up.
 */
export function inTime<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = after(ms, () => reject(late()));
    work.then(resolve, reject).finally(cancel);
  });
}

/** Waits, until the signal aborts at most. It resolves then, too. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = after(ms, end);
    signal?.addEventListener('abort', end);
  });
}
