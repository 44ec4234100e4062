import { EventConfigurationError } from '../../errors.js';
import {
  assertKnown,
  type BackendFactory,
  type ConformanceCapabilities,
  type ConformanceOptions,
  missing,
  type SkippedCase,
} from './options.js';
import { runnerOfGlobals } from '../runner-of-globals.js';
import { type ConformanceCase, Rig } from './rig.js';
import { SECTIONS } from './sections.js';
import { runAndClose } from '../run-and-close.js';

/** A whole case, with several waits in it, may take this many times the longest single wait. */
const WAITS_PER_CASE = 6;
/** And this many leases. */
const LEASES_PER_CASE = 20;

/** What {@link describeBackend} registered. */
export interface ConformanceSummary {
  /** Cases that run. */
  readonly cases: number;
  /** Cases that do not, with the reason. */
  readonly skipped: readonly SkippedCase[];
}

/**
 * Registers the tests that say what a correct backend is: each builds a real bus around a backend of the factory,
 * and closes it again. What a backend does not declare is registered as skipped, with what it lacks in its name; what
 * it declares and is not held to fails, and so does the reverse.
 *
 * @param factory Makes a backend; `namespace` keeps the cases apart on one broker.
 * @param capabilities What to hold the backend to: what it declares in `capabilities`.
 * @param options Hooks and limits. Everything has a default.
 * @returns How many cases run, and which do not.
 * @throws {EventConfigurationError} when there is no test runner, or a name is misspelt.
 *
 * @example
 * describeBackend(({ namespace, group }) => new MyBackend({ url, queue: namespace, group }), { durable: true }, {
 *   name: 'MyBackend',
 * });
 */
export function describeBackend(
  factory: BackendFactory,
  capabilities: ConformanceCapabilities = {},
  options: ConformanceOptions = {},
): ConformanceSummary {
  assertKnown(capabilities, options);
  const { describe, it } = options.runner ?? runnerOfGlobals('describeBackend()');
  const held: ConformanceCapabilities = { retains: true, concurrent: true, ...capabilities };
  const { timeoutMs = 5000, leaseMs = 0 } = options;
  const caseTimeoutMs = WAITS_PER_CASE * timeoutMs + LEASES_PER_CASE * leaseMs;
  const skipped: SkippedCase[] = [];
  let cases = 0;
  const register = (each: ConformanceCase) => {
    const reason = missing(each.needs ?? [], held, options);
    const test = () => runAndClose(new Rig(factory, held, options), each.run);
    if (reason === '') {
      cases++;
      it(each.name, test, caseTimeoutMs);
      return;
    }
    skipped.push({ name: each.name, reason });
    const name = `${each.name} (${reason})`;
    if (options.strict) it(name, () => Promise.reject(notRun(each.name, reason)), caseTimeoutMs);
    else it.skip(name, test);
  };
  describe(options.name ?? 'EventBackend', () => {
    for (const [section, members] of SECTIONS) describe(section, () => members.forEach(register));
  });
  return { cases, skipped };
}

function notRun(name: string, reason: string): EventConfigurationError {
  return new EventConfigurationError(
    `The case '${name}' did not run (${reason}), and describeBackend() is strict. Declare what it needs, or turn 'strict' off.`,
  );
}
