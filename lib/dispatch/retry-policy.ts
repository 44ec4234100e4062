import { EventConfigurationError } from '../errors.js';

/** When and how often a failed handler is tried again. */
export interface RetryPolicy {
  /** Further tries after the first, 0 or more. Default 3. */
  readonly maxRetries?: number;
  /** Wait before the first retry, in milliseconds. Default 1000. */
  readonly initialBackoffMs?: number;
  /** Upper limit of every wait, in milliseconds. Default 30,000. */
  readonly maxBackoffMs?: number;
  /** Each wait is this many times the one before, 1 or more. Default 2. */
  readonly backoffMultiplier?: number;
  /**
   * Shortens each wait by a random part, so that failures of one moment do not return together: the largest part,
   * from 0 (none) to 1 (anything down to no wait). `true` is 1. Default 0.
   */
  readonly jitter?: number | boolean;
  /** Asked after a failure with tries left; `false` sends the event to the dead letters at once. */
  readonly retryIf?: (error: unknown, attempt: number) => boolean;
}

/** A policy with every field present. */
export interface ResolvedRetryPolicy extends Required<Omit<RetryPolicy, 'retryIf' | 'jitter'>> {
  readonly jitter: number;
  readonly retryIf?: RetryPolicy['retryIf'];
}

export const DEFAULT_RETRY_POLICY: ResolvedRetryPolicy = {
  maxRetries: 3,
  initialBackoffMs: 1000,
  maxBackoffMs: 30_000,
  backoffMultiplier: 2,
  jitter: 0,
};

/**
 * Fills in what a handler left out.
 *
 * @param retry A number of retries, a policy, `false` for none; `undefined` takes `defaults` as they are.
 * @param where Names the handler or option in errors.
 * @throws {EventConfigurationError} naming the field that is out of range.
 */
export function resolveRetryPolicy(
  retry: number | RetryPolicy | false | undefined,
  defaults: ResolvedRetryPolicy,
  where: string,
): ResolvedRetryPolicy {
  if (retry === undefined) return defaults;
  if (retry === false) return { ...defaults, maxRetries: 0 };
  const given = typeof retry === 'number' ? { maxRetries: retry } : retry;
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const policy = { ...defaults, ...present } as Omit<ResolvedRetryPolicy, 'jitter'> & {
    jitter: number | boolean;
  };
  const resolved = { ...policy, jitter: Number(policy.jitter) };
  const check = (field: keyof RetryPolicy, ok: boolean, rule: string) => {
    if (!ok) {
      throw new EventConfigurationError(
        `${where} has retry.${field} = ${String(policy[field])}, but it must be ${rule}.`,
      );
    }
  };
  check(
    'maxRetries',
    Number.isInteger(resolved.maxRetries) && resolved.maxRetries >= 0,
    'a whole number from 0',
  );
  check('initialBackoffMs', resolved.initialBackoffMs >= 0, 'a number of milliseconds from 0');
  check('maxBackoffMs', resolved.maxBackoffMs >= 0, 'a number of milliseconds from 0');
  check('backoffMultiplier', resolved.backoffMultiplier >= 1, 'a number from 1');
  check('retryIf', resolved.retryIf === undefined || typeof resolved.retryIf === 'function', 'a function');
  check('jitter', resolved.jitter >= 0 && resolved.jitter <= 1, 'true, false or a number from 0 to 1');
  return resolved;
}

/**
 * The wait after a failed try.
 *
 * @param attempt Number of the try that failed, from 1.
 * @param random From 0 up to 1.
 * @returns Whole milliseconds.
 */
export function backoffMs(policy: ResolvedRetryPolicy, attempt: number, random = Math.random()): number {
  const factor = Math.min(policy.backoffMultiplier ** (attempt - 1), Number.MAX_VALUE); // 0 times infinity is no wait
  const capped = Math.min(policy.initialBackoffMs * factor, policy.maxBackoffMs);
  return Math.round(capped * (1 - policy.jitter * random));
}
