import { describe, expect, it } from '@jest/globals';
import {
  EventConfigurationError,
  EventValidationError,
  RetryAfterError,
  type RetryPolicy,
  UnrecoverableError,
} from 'nestjs-durable-events';
import { nextDelayMs } from '../../lib/dispatch/failure.js';
import { backoffMs, DEFAULT_RETRY_POLICY, resolveRetryPolicy } from '../../lib/dispatch/retry-policy.js';

const resolve = (retry: number | RetryPolicy | false | undefined) =>
  resolveRetryPolicy(retry, DEFAULT_RETRY_POLICY, 'Handler X.y');

describe('a retry policy', () => {
  it('is 3 retries after 1, 2 and 4 seconds by default', () => {
    const policy = resolve(undefined);
    expect(policy.maxRetries).toBe(3);
    expect([1, 2, 3].map((attempt) => backoffMs(policy, attempt))).toEqual([1000, 2000, 4000]);
  });

  it.each([
    [5, { ...DEFAULT_RETRY_POLICY, maxRetries: 5 }],
    [0, { ...DEFAULT_RETRY_POLICY, maxRetries: 0 }],
    [false as const, { ...DEFAULT_RETRY_POLICY, maxRetries: 0 }],
    [{ jitter: true }, { ...DEFAULT_RETRY_POLICY, jitter: 1 }],
    [{ jitter: false }, { ...DEFAULT_RETRY_POLICY, jitter: 0 }],
    [
      { maxRetries: undefined, maxBackoffMs: 5 },
      { ...DEFAULT_RETRY_POLICY, maxBackoffMs: 5 },
    ],
  ])('%j is complete with the rest of the defaults', (given, expected) => {
    expect(resolve(given)).toEqual(expected);
  });

  it.each([
    [-1, 'Handler X.y has retry.maxRetries = -1, but it must be a whole number from 0.'],
    [1.5, 'retry.maxRetries = 1.5'],
    [{ initialBackoffMs: NaN }, 'retry.initialBackoffMs = NaN'],
    [{ maxBackoffMs: -1 }, 'retry.maxBackoffMs = -1'],
    [{ backoffMultiplier: 0.5 }, 'retry.backoffMultiplier = 0.5, but it must be a number from 1'],
    [{ jitter: 2 }, 'retry.jitter = 2, but it must be true, false or a number from 0 to 1'],
    [{ retryIf: 'yes' as never }, 'retry.retryIf = yes, but it must be a function'],
  ])('%j is refused', (given, message) => {
    expect(() => resolve(given)).toThrow(EventConfigurationError);
    expect(() => resolve(given)).toThrow(message);
  });

  it('caps the wait, however late the attempt', () => {
    const policy = resolve({ maxBackoffMs: 5000 });
    expect([3, 4, 50, 5000].map((attempt) => backoffMs(policy, attempt))).toEqual([4000, 5000, 5000, 5000]);
    expect(backoffMs(resolve({ initialBackoffMs: 0 }), 5000)).toBe(0);
  });

  it('shortens the wait by up to the jitter', () => {
    const policy = resolve({ jitter: 0.5 });
    expect([0, 0.5, 1].map((random) => backoffMs(policy, 1, random))).toEqual([1000, 750, 500]);
    expect(backoffMs(resolve({ jitter: true }), 1, 1)).toBe(0);
    const waits = new Set(Array.from({ length: 50 }, () => backoffMs(policy, 1)));
    expect(waits.size).toBeGreaterThan(10);
  });
});

describe('after a failure', () => {
  const policy = resolve({ maxRetries: 2, initialBackoffMs: 10 });

  it('comes the next try, until there were enough', () => {
    expect([1, 2, 3].map((attempt) => nextDelayMs(new Error('x'), attempt, policy))).toEqual([
      10,
      20,
      undefined,
    ]);
  });

  it.each([
    new UnrecoverableError('no use'),
    new EventValidationError('x', [{ path: 'a', message: 'bad' }]),
    new EventConfigurationError('wrong'),
  ])('that no try can mend comes none: $name', (error) => {
    expect(nextDelayMs(error, 1, policy)).toBeUndefined();
  });

  it('that says when comes the try then, and only while there are tries left', () => {
    expect(nextDelayMs(new RetryAfterError(1234), 1, policy)).toBe(1234);
    expect(nextDelayMs(new RetryAfterError(0), 2, policy)).toBe(0);
    expect(nextDelayMs(new RetryAfterError(1234), 3, policy)).toBeUndefined();
  });

  it('retryIf is asked with the error and the attempt', () => {
    const asked: unknown[] = [];
    const picky = resolve({
      retryIf: (error, attempt) => {
        asked.push([error, attempt]);
        return error === 'again';
      },
    });
    expect(nextDelayMs('again', 1, picky)).toBe(1000);
    expect(nextDelayMs('never', 2, picky)).toBeUndefined();
    expect(asked).toEqual([
      ['again', 1],
      ['never', 2],
    ]);
  });
});

describe('RetryAfterError', () => {
  it.each([-1, NaN, Infinity])('refuses %d', (delayMs) => {
    expect(() => new RetryAfterError(delayMs)).toThrow(
      `needs a delay of 0 or more milliseconds, but got ${delayMs}.`,
    );
  });
});
