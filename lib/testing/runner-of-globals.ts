import { EventConfigurationError } from '../errors.js';
import type { ConformanceRunner } from './conformance/options.js';

/**
 * The test runner of this process.
 *
 * @param user Who needs it, for errors.
 * @throws {EventConfigurationError} when it has no global `describe` and `it`.
 */
export function runnerOfGlobals(user: string): ConformanceRunner {
  const { describe, it } = globalThis as Partial<ConformanceRunner>;
  if (typeof describe === 'function' && typeof it === 'function') return { describe, it };
  throw new EventConfigurationError(
    `${user} found no global 'describe' and 'it'. Call it in a test file, or pass them as the option runner: { describe, it }.`,
  );
}
