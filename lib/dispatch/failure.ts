import { hostname } from 'node:os';
import type { HandlerAttempt, SerializedError } from '../dead-letters/dead-letter.js';
import {
  EventConfigurationError,
  EventHandlerError,
  EventValidationError,
  RetryAfterError,
  UnrecoverableError,
} from '../errors.js';
import { backoffMs, type ResolvedRetryPolicy } from './retry-policy.js';

/** Stacks are cut here: a dead letter should fit a broker's message. */
const MAX_STACK = 8192;

/** What was thrown, as an `Error`: JavaScript may throw anything. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new EventHandlerError(`A handler threw ${describeThrown(thrown)}, which is not an Error.`, {
    cause: thrown,
  });
}

function describeThrown(thrown: unknown): string {
  try {
    return JSON.stringify(thrown) ?? String(thrown);
  } catch {
    return Object.prototype.toString.call(thrown); // a cycle: its kind is all that can be told
  }
}

function serializeError(error: Error): SerializedError {
  // Errors of other libraries may have anything in these.
  const { name, message, stack, code } = error as Partial<Record<keyof Error | 'code', unknown>>;
  return {
    name: String(name),
    message: String(message),
    ...(typeof stack === 'string' && { stack: stack.slice(0, MAX_STACK) }),
    ...(typeof code === 'string' && { code }),
  };
}

/** A failed try, ready to be stored. */
export function failedAttempt(error: Error, startedAt: number): HandlerAttempt {
  return {
    at: startedAt,
    durationMs: Date.now() - startedAt,
    error: serializeError(error),
    host: hostname(),
  };
}

/** Errors that another try cannot mend. */
const PERMANENT = [UnrecoverableError, EventValidationError, EventConfigurationError];

/**
 * Decides what follows a failed try.
 *
 * @returns Milliseconds until the next try, or `undefined` when the event is a dead letter.
 */
export function nextDelayMs(
  thrown: unknown,
  attempt: number,
  policy: ResolvedRetryPolicy,
): number | undefined {
  if (PERMANENT.some((kind) => thrown instanceof kind)) return undefined;
  if (attempt > policy.maxRetries) return undefined;
  if (thrown instanceof RetryAfterError) return thrown.delayMs;
  if (policy.retryIf !== undefined && !policy.retryIf(thrown, attempt)) return undefined;
  return backoffMs(policy, attempt);
}
