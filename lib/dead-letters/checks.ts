import { EventConfigurationError } from '../errors.js';

/** @throws {EventConfigurationError} naming the method, the option and the rule. */
export function assertOption(
  method: string,
  option: string,
  value: unknown,
  ok: boolean,
  rule: string,
): void {
  if (ok || value === undefined) return;
  throw new EventConfigurationError(
    `deadLetters.${method}() was given ${option} = ${String(value)}, but it must be ${rule}.`,
  );
}

/** A number that can be counted with, from `least` on. */
export function isNumber(value: unknown, least: number): boolean {
  return typeof value === 'number' && value >= least && value < Infinity;
}
