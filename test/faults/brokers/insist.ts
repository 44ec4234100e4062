import { waitFor } from '../../support/wait-for.js';

/**
 * Asks until there is an answer: tests kill the server, and who is waiting for an answer gets it when it is back.
 *
 * @param server Its name, for the error.
 */
export async function insist<T>(server: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  let why = '';
  const { result } = await waitFor(
    () =>
      work().then(
        (result) => ({ result }),
        (error: Error) => void (why = error.message),
      ),
    { timeoutMs, intervalMs: 100, message: () => `an answer of ${server}: ${why}` },
  );
  return result;
}
