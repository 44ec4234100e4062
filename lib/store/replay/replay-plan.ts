import { checkTimeout, checkWhole, refusedOption } from '../../clients/options.js';
import { checkCriteria, type EventCriteria } from '../criteria.js';
import type { ReplayProgress } from './replay-progress.js';

const USER = 'a replay';

/** What is to be replayed, and how. */
export interface ReplayPlan {
  readonly name?: string | undefined;
  readonly criteria: EventCriteria;
  /** Position to begin behind. */
  readonly after?: string | undefined;
  /** Patterns of handler ids; `undefined` for all. */
  readonly handlers?: readonly string[] | undefined;
  /** Events per second at most. */
  readonly rate?: number | undefined;
  readonly concurrency: number;
  readonly dryRun: boolean;
  readonly leaseMs: number;
  readonly onProgress: readonly ((progress: ReplayProgress) => void)[];
}

/** @throws {EventConfigurationError} naming what cannot be used. */
export function checkPlan(plan: ReplayPlan): ReplayPlan {
  const { name, criteria, after, handlers, rate, concurrency, leaseMs, onProgress } = plan;
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw refusedOption('name', name, USER, 'a non-empty string, or leave it out');
  }
  checkCriteria({ ...criteria, after });
  for (const [option, list] of [
    ['type', criteria.types],
    ['handlers', handlers],
  ] as const) {
    if (list?.length === 0) throw refusedOption(option, [], USER, 'one name or pattern at least');
  }
  const wrong = handlers?.find((pattern) => typeof pattern !== 'string' || pattern === '');
  if (wrong !== undefined)
    throw refusedOption('handlers', wrong, USER, 'ids of handlers, or patterns of them');
  if (rate !== undefined && !(Number.isFinite(rate) && rate > 0)) {
    throw refusedOption('rate', rate, USER, 'a number of events per second above 0');
  }
  checkWhole('concurrency', concurrency, USER);
  checkTimeout('leaseMs', leaseMs, USER);
  if (onProgress.some((listener) => typeof listener !== 'function')) {
    throw refusedOption('onProgress', 'something else', USER, 'a function');
  }
  return plan;
}

/** What has to be the same for a replay to go on: text that is equal for equal plans. */
export function fingerprintOf({ criteria, after, handlers, dryRun }: ReplayPlan): string {
  const { types, since, until, correlationId, streamId } = criteria;
  return JSON.stringify({ types, since, until, correlationId, streamId, after, handlers, dryRun });
}
