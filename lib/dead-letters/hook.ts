import { toError } from '../dispatch/failure.js';
import type { DeadLetter } from './dead-letter.js';

/** Calls an application's hook in such a way that nothing depends on it. */
export function deadLetterHook(
  hook: ((entry: DeadLetter) => void | Promise<void>) | undefined,
  report: (error: Error) => void,
): (entry: DeadLetter) => void {
  if (hook === undefined) return () => undefined;
  const call = async (entry: DeadLetter) => hook(entry);
  return (entry) => void call(entry).catch((thrown: unknown) => report(toError(thrown)));
}
