import type { Call } from '../rig.js';

/** The numbers from 0 up to, but without, `count`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** What the calls carried, as numbers in ascending order. */
export function numbersOf(calls: readonly Call[]): number[] {
  return calls.map(({ data }) => data as number).sort((a, b) => a - b);
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
