import { EventConfigurationError } from '../errors.js';

/** When a handler that keeps failing is left in peace, and for how long. */
export interface CircuitBreakerOptions {
  /** The circuit opens when this part of the calls failed, above 0 and up to 1. Default 0.5. */
  readonly failureRate?: number;
  /** It stays closed with fewer calls than this within the window. Default 10. */
  readonly minimumCalls?: number;
  /** How far back calls count, in milliseconds, to a tenth. Default 60,000. */
  readonly windowMs?: number;
  /** How long it stays open before a call is tried, in milliseconds. Default 30,000. */
  readonly openMs?: number;
  /** How many calls are tried then, side by side; it closes when as many have succeeded. Default 1. */
  readonly halfOpenCalls?: number;
}

/** Options with every field present. */
export type ResolvedCircuitBreaker = Required<CircuitBreakerOptions>;

const DEFAULTS: ResolvedCircuitBreaker = {
  failureRate: 0.5,
  minimumCalls: 10,
  windowMs: 60_000,
  openMs: 30_000,
  halfOpenCalls: 1,
};

/**
 * Fills in what was left out.
 *
 * @param given `undefined` takes `defaults` as they are; parts of options take the rest from them.
 * @param defaults Those of the module, if it has any.
 * @param where Names the handler or option in errors.
 * @returns `undefined` when there is to be no circuit breaker.
 * @throws {EventConfigurationError} naming the field that cannot be used.
 */
export function resolveCircuitBreaker(
  given: boolean | CircuitBreakerOptions | undefined,
  defaults: ResolvedCircuitBreaker | undefined,
  where: string,
): ResolvedCircuitBreaker | undefined {
  if (given === undefined) return defaults;
  if (given === false) return undefined;
  if (given === true) return defaults ?? DEFAULTS;
  if (given === null || typeof given !== 'object') {
    throw refused(where, '', given, 'true, false or an object of options');
  }
  const resolved: { -readonly [K in keyof ResolvedCircuitBreaker]: number } = { ...(defaults ?? DEFAULTS) };
  for (const [field, value] of Object.entries(given) as [keyof CircuitBreakerOptions, number | undefined][]) {
    const rule = RULES[field] as Rule | undefined;
    if (rule === undefined) throw refused(where, `.${field}`, value, `left out: it is not one of ${FIELDS}`);
    if (value === undefined) continue;
    if (!rule.holds(value)) throw refused(where, `.${field}`, value, rule.text);
    resolved[field] = value;
  }
  return resolved;
}

interface Rule {
  readonly holds: (value: number) => boolean;
  readonly text: string;
}

const MILLISECONDS: Rule = {
  holds: (value) => Number.isFinite(value) && value > 0,
  text: 'a number of milliseconds above 0',
};
const COUNT: Rule = { holds: (value) => Number.isInteger(value) && value > 0, text: 'a whole number from 1' };
const RULES: Readonly<Record<keyof CircuitBreakerOptions, Rule>> = {
  failureRate: { holds: (value) => value > 0 && value <= 1, text: 'a number above 0 and up to 1' },
  minimumCalls: COUNT,
  windowMs: MILLISECONDS,
  openMs: MILLISECONDS,
  halfOpenCalls: COUNT,
};
const FIELDS = Object.keys(RULES).join(', ');

function refused(where: string, field: string, value: unknown, rule: string): EventConfigurationError {
  return new EventConfigurationError(
    `${where} has circuitBreaker${field} = ${String(value)}, but it must be ${rule}.`,
  );
}
