import { hostname } from 'node:os';
import { isNativeError } from 'node:util/types';
import type { HandlerAttempt } from '../dead-letters/dead-letter.js';
import {
  EventConfigurationError,
  EventHandlerError,
  EventValidationError,
  RetryAfterError,
  UnrecoverableError,
} from '../errors.js';
import { backoffMs, type ResolvedRetryPolicy } from './retry-policy.js';
import { serializeError } from './serialize-error.js';

/** What was thrown, as an `Error`: JavaScript may throw anything. */
export function toError(thrown: unknown): Error {
  // An error of another realm, as from a native driver in a test runner, is an instance of that realm's Error.
  if (thrown instanceof Error || isNativeError(thrown)) return thrown;
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

/** The event, or how it is handled, is at fault: no other try will do better. */
export function isPermanent(thrown: unknown): boolean {
  return PERMANENT.some((kind) => thrown instanceof kind);
}

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
  if (isPermanent(thrown)) return undefined;
  if (attempt > policy.maxRetries) return undefined;
  if (thrown instanceof RetryAfterError) return thrown.delayMs;
  if (policy.retryIf !== undefined && !policy.retryIf(thrown, attempt)) return undefined;
  return backoffMs(policy, attempt);
}
