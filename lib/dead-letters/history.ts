import type { HandlerAttempt, SerializedError } from './dead-letter.js';

/** Characters of text in the tries of one entry: a dead letter should fit into a message of a broker. */
const MAX_HISTORY = 48_000;
/** What is left of the message of a try that is cut down. */
export const SHORT_MESSAGE = 200;

/**
 * The tries of an entry, within a bound. The first and the latest stay as they are. From the latest back, others lose
 * stack and cause where they do not fit, and are left out where even that is too much.
 */
export function boundedHistory(attempts: readonly HandlerAttempt[]): readonly HandlerAttempt[] {
  let size = 0;
  for (const attempt of attempts) size += sizeOf(attempt);
  if (size <= MAX_HISTORY) return attempts;
  const [first, ...rest] = attempts as [HandlerAttempt, ...HandlerAttempt[]];
  const latest = rest.pop();
  if (latest === undefined) return attempts;
  const kept = [latest];
  let left = MAX_HISTORY - sizeOf(first) - sizeOf(latest);
  for (const attempt of rest.reverse()) {
    const fitting = [attempt, shortened(attempt)].find((candidate) => sizeOf(candidate) <= left);
    if (fitting === undefined) break;
    left -= sizeOf(fitting);
    kept.push(fitting);
  }
  return [first, ...kept.reverse()];
}

/** A try without stack and cause, with the beginning of its message. */
export function shortened({ error, ...attempt }: HandlerAttempt): HandlerAttempt {
  const { name, message, code } = error;
  return {
    ...attempt,
    error: { name, message: message.slice(0, SHORT_MESSAGE), ...(code !== undefined && { code }) },
  };
}

/** A try is some numbers and names beside its error. */
function sizeOf({ error }: HandlerAttempt): number {
  return 100 + textOf(error);
}

function textOf({ name, message, stack = '', code = '', cause, errors = [] }: SerializedError): number {
  let size = name.length + message.length + stack.length + code.length;
  for (const nested of cause === undefined ? errors : [cause, ...errors]) size += textOf(nested);
  return size;
}
