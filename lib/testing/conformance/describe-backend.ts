import { EventConfigurationError } from '../../errors.js';
import { deadLetterCases } from './cases/dead-letters.js';
import { deliveryCases } from './cases/delivery.js';
import { isolationCases } from './cases/isolation.js';
import { leaseCases } from './cases/leases.js';
import { orderAndTimeCases } from './cases/order-and-time.js';
import { retryCases } from './cases/retry.js';
import { serviceCases } from './cases/services.js';
import { shutdownCases } from './cases/shutdown.js';
import {
  type BackendFactory,
  type ConformanceCapabilities,
  type ConformanceOptions,
  type ConformanceRunner,
  type Hook,
  HOOKS,
  type Requirement,
} from './options.js';
import { type ConformanceCase, Rig } from './rig.js';

const SECTIONS: readonly (readonly [string, readonly ConformanceCase[]])[] = [
  ['delivery', deliveryCases],
  ['several instances and services', serviceCases],
  ['isolation of handlers', isolationCases],
  ['retries', retryCases],
  ['dead letters', deadLetterCases],
  ['order and time', orderAndTimeCases],
  ['leases and outages', leaseCases],
  ['shutdown', shutdownCases],
];

/** A whole case, with several waits in it, may take this many times the longest single wait. */
const WAITS_PER_CASE = 6;

/**
 * Registers the tests that say what a correct backend is: each builds a real bus around a backend of the factory,
 * and closes it again. What a backend does not declare is registered as skipped, with what it lacks in its name.
 *
 * @param factory Makes a backend; `namespace` keeps the cases apart on one broker.
 * @param capabilities What to hold the backend to: what it declares in `capabilities`.
 * @param options Hooks and limits. Everything has a default.
 * @throws {EventConfigurationError} when there is no test runner.
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
): void {
  const { describe, it } = options.runner ?? runnerOfGlobals();
  const held: ConformanceCapabilities = { retains: true, concurrent: true, ...capabilities };
  const caseTimeoutMs = WAITS_PER_CASE * (options.timeoutMs ?? 5000);
  describe(options.name ?? 'EventBackend', () => {
    for (const [section, cases] of SECTIONS) {
      describe(section, () => {
        for (const each of cases) {
          const { name, needs = [] } = each;
          const missing = needs.filter((need) => !isMet(need, held, options));
          const test = () => runCase(new Rig(factory, held, options), each);
          if (missing.length === 0) it(name, test, caseTimeoutMs);
          else it.skip(`${name} (not declared: ${missing.join(', ')})`, test);
        }
      });
    }
  });
}

async function runCase(rig: Rig, { run }: ConformanceCase): Promise<void> {
  try {
    await run(rig);
  } catch (error) {
    await rig.close().catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
  await rig.close();
}

function isMet(
  need: Requirement,
  capabilities: ConformanceCapabilities,
  options: ConformanceOptions,
): boolean {
  return isHook(need) ? options[need] !== undefined : capabilities[need] === true;
}

function isHook(need: Requirement): need is Hook {
  return (HOOKS as readonly Requirement[]).includes(need);
}

function runnerOfGlobals(): ConformanceRunner {
  const { describe, it } = globalThis as Partial<ConformanceRunner>;
  if (typeof describe === 'function' && typeof it === 'function') return { describe, it };
  throw new EventConfigurationError(
    `describeBackend() found no global 'describe' and 'it'. Call it in a test file, or pass them as the option runner: { describe, it }.`,
  );
}
