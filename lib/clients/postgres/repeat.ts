/** serialization_failure, deadlock_detected: nothing was done, and the same may succeed the next time. */
const COLLISIONS: ReadonlySet<unknown> = new Set(['40001', '40P01']);
const ATTEMPTS = 5;

/** Runs one statement, again when the server gave it up in favour of a concurrent one. */
export async function repeatOnCollision<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === ATTEMPTS || !COLLISIONS.has((error as { code?: unknown } | undefined)?.code))
        throw error;
    }
  }
}
