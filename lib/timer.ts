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
