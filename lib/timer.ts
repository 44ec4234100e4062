import * as real from 'node:timers';

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
      callOff?.();
      resolve();
    };
    const cancel = after(ms, end);
    const callOff = signal && onAbort(signal, end);
  });
}

/** As {@link pause}, and not by the global timer, so that the fake timers of a test do not stop it. */
export function realPause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      real.clearTimeout(timer);
      callOff();
      resolve();
    };
    const timer = real.setTimeout(end, ms);
    const callOff = onAbort(signal, end);
  });
}

/** Who waits for a signal to abort, and the one listener that all of them share. */
const waiting = new WeakMap<AbortSignal, { readonly tell: Set<() => void>; readonly listener: () => void }>();

/**
 * Calls a function when a signal aborts that has not aborted yet. However many do so, the signal has one listener, and
 * none when nobody waits any more: a listener of each would look like a leak.
 *
 * @returns A function that calls it off.
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  const known = waiting.get(signal);
  const tell = known?.tell ?? new Set();
  const listener = known?.listener ?? (() => tell.forEach((each) => each()));
  if (known === undefined) {
    waiting.set(signal, { tell, listener });
    signal.addEventListener('abort', listener);
  }
  tell.add(run);
  return () => {
    if (!tell.delete(run) || tell.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}
