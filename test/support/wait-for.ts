export interface WaitForOptions {
  /** Milliseconds before giving up. Default 5000. */
  timeoutMs?: number;
  /** Milliseconds between two looks. Default 10. */
  intervalMs?: number;
  /** What was awaited, for the error. A function is asked at the end, so that it can tell the last state. */
  message?: string | (() => string);
}

/**
 * Looks at `condition` until it is truthy, and resolves with what it returned.
 *
 * @throws Error with the message when the time is over, or at once whatever `condition` throws.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 5000, intervalMs = 10, message = 'the condition to hold' }: WaitForOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() >= deadline) {
      const awaited = typeof message === 'string' ? message : message();
      throw new Error(`Waited ${timeoutMs} ms in vain for ${awaited}.`);
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
