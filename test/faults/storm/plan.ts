import { randomInt } from 'node:crypto';
import type { Promises } from '../accounts.js';
import type { BackendKind } from '../programs/settings.js';
import type { FaultName } from './faults.js';

/** One storm: what is set up, what breaks, and what has to hold. */
export interface StormPlan {
  /** Names it in reports, beside its backend. */
  readonly name: string;
  readonly kind: BackendKind;
  /** Every one of these breaks at least `rounds` times, in an order that the seed decides. */
  readonly faults: readonly FaultName[];
  readonly rounds: number;
  /** Events at least. */
  readonly events: number;
  readonly perSecond: number;
  readonly consumers: number;
  /** After which a consumer that fell silent loses what it holds. */
  readonly leaseMs: number;
  readonly keyed: boolean;
  /** Whether dead letters are kept beside the backend. */
  readonly deadLetterStore: boolean;
  /** Whether services have an inbox, and where. */
  readonly inbox?: 'redis' | 'postgres';
  readonly promises: Promises;
}

/** How hard it blows, from the environment. */
export interface Effort {
  /** FAULT_SEED: that of an earlier run, to repeat its choices. The rest of the timing is that of the machine. */
  readonly seed: number;
  /** FAULT_RUNS is `all`: not only the storms that belong to every test run. */
  readonly all: boolean;
  /** FAULT_EVENTS: events of a storm, at least. */
  readonly events: number;
}

export function effortFromEnvironment(): Effort {
  const { FAULT_EVENTS, FAULT_SEED, FAULT_RUNS } = process.env;
  const all = FAULT_RUNS === 'all';
  return {
    seed: FAULT_SEED === undefined ? randomInt(2 ** 31) : Number(FAULT_SEED),
    all,
    events: FAULT_EVENTS === undefined ? (all ? 10_000 : 1200) : Number(FAULT_EVENTS),
  };
}
