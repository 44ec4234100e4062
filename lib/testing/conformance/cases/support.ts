import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../rig.js';

/** Of those that are missing or came too often, so many are named. */
const MOST_NAMED = 10;

/** The numbers from 0 up to, but without, `count`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** What the calls carried, as numbers in ascending order. */
export function numbersOf(calls: readonly Call[]): number[] {
  return calls.map(({ data }) => data as number).sort((a, b) => a - b);
}

/**
 * Asserts that the calls carried these numbers and no others, in whatever order. A number that came too often is told with
 * when it did, and whether the backend knew that it repeats something: the same message came again, or there were two.
 *
 * @param what Begins the message of a failure.
 */
export function assertNumbers(calls: readonly Call[], expected: readonly number[], what = 'numbers'): void {
  const wanted = expected.toSorted((a, b) => a - b);
  if (isDeepStrictEqual(numbersOf(calls), wanted)) return;
  const timesIn = (numbers: readonly number[], number: number) =>
    numbers.filter((each) => each === number).length;
  const missing: string[] = [];
  const surplus: string[] = [];
  for (const number of new Set([...wanted, ...numbersOf(calls)])) {
    const came = calls.filter(({ data }) => data === number);
    const difference = came.length - timesIn(wanted, number);
    if (difference < 0) missing.push(String(number));
    if (difference > 0) surplus.push(`${number} (${came.map(told).join('; ')})`);
  }
  const list = (numbers: readonly string[]) =>
    `${numbers.length}: ${numbers.slice(0, MOST_NAMED).join(', ')}`;
  assert.fail(
    `${what}: ${calls.length} calls instead of ${expected.length}. Missing: ${list(missing)}. Too often: ${list(surplus)}`,
  );
}

function told({ at, handlerId, redelivered }: Call): string {
  return `${handlerId} at ${at.toFixed(0)} ms${redelivered ? ', redelivered' : ''}`;
}

/** `undefined` instead of an empty list, so that it can be waited for. */
export function nonEmpty<T>(values: readonly T[]): readonly [T, ...T[]] | undefined {
  return values.length > 0 ? (values as [T, ...T[]]) : undefined;
}

/** Milliseconds between one call and the next. */
export function gapsOf(calls: readonly Call[]): number[] {
  return calls.slice(1).map(({ at }, i) => at - calls[i]!.at);
}

/** How many different payloads the calls carried. */
export function distinct(calls: readonly Call[]): number {
  return new Set(calls.map(({ data }) => data)).size;
}
