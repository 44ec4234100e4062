import { AssertionError } from 'node:assert';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { NewEvent } from '../store/sourcing/new-event.js';

/** The class of an error. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a constructor of any kind
export type ErrorClass = abstract new (...args: any[]) => Error;

type Outcome = readonly NewEvent[] | Error;

/** @throws AssertionError when a command came to something else. */
export function expectOutcome(
  given: readonly NewEvent[],
  outcome: Outcome,
  expected: Outcome | ErrorClass,
): void {
  if (meets(outcome, expected)) return;
  const message = [
    `given${shown(given)}`,
    `the command was expected to come to${shown(expected)}`,
    `but it came to${shown(outcome)}`,
  ].join('\n');
  const error = new AssertionError({
    message,
    actual: plain(outcome),
    expected: plain(expected),
    operator: 'then',
  });
  // Where an error was not expected, its own stack says where it is from.
  throw outcome instanceof Error ? Object.assign(error, { cause: outcome }) : error;
}

function meets(outcome: Outcome, expected: Outcome | ErrorClass): boolean {
  if (typeof expected === 'function') return outcome instanceof expected;
  if (expected instanceof Error) {
    return (
      outcome instanceof Error &&
      outcome.constructor === expected.constructor &&
      outcome.message === expected.message
    );
  }
  return !(outcome instanceof Error) && isDeepStrictEqual(plain(outcome), plain(expected));
}

/** Events as they would be stored. */
function plain(outcome: Outcome | ErrorClass): unknown {
  if (typeof outcome === 'function' || outcome instanceof Error) return outcome;
  return JSON.parse(JSON.stringify(outcome.map(({ type, data }) => ({ type, data })))) as unknown;
}

function shown(outcome: Outcome | ErrorClass): string {
  if (typeof outcome === 'function') return ` an error of class ${outcome.name}`;
  if (outcome instanceof Error) return ` ${outcome.constructor.name}: ${outcome.message}`;
  if (outcome.length === 0) return ' no event';
  const lines = outcome.map(({ type, data }, i) => `  ${i + 1}. ${type} ${inspect(data, { depth: 6 })}`);
  return `\n${lines.join('\n')}`;
}
