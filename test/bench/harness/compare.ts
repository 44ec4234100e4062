import type { CaseSamples, TableSamples } from './rounds.js';
import { type Spread, spreadOf } from './statistics.js';
import { type Comparison, isExcess, type Metric } from './table.js';

/** What a comparison says. */
export interface Verdict {
  readonly comparison: Comparison;
  /** Times as fast, or milliseconds more, of one round each. */
  readonly wall: Spread;
  /** Times as little processor time; only for speed-ups. */
  readonly cpu?: Spread;
  /** `undefined` where there is no target. */
  readonly met?: boolean;
}

/** Only comparisons of which both cases ran. */
export function compareAll({ table, cases }: TableSamples): Verdict[] {
  return table.comparisons.flatMap((comparison) => {
    const of = caseOf(cases, comparison.of);
    const over = caseOf(cases, comparison.over);
    return of.samples.length > 0 && over.samples.length > 0 ? [compare(comparison, of, over)] : [];
  });
}

function compare(comparison: Comparison, of: CaseSamples, over: CaseSamples): Verdict {
  if (isExcess(comparison)) {
    const wall = spreadOf(perRound(comparison.metric, of, over, (a, b) => a - b));
    return { comparison, wall, met: wall.median <= comparison.atMost };
  }
  const wall = spreadOf(perRound('wallNs', of, over, (a, b) => b / a));
  const cpu = spreadOf(perRound('cpuNs', of, over, (a, b) => b / a));
  return {
    comparison,
    wall,
    cpu,
    met: comparison.atLeast === undefined ? undefined : wall.median >= comparison.atLeast,
  };
}

function perRound(
  metric: Metric,
  of: CaseSamples,
  over: CaseSamples,
  relate: (of: number, over: number) => number,
): number[] {
  return of.samples.map((sample, round) =>
    relate(figure(of, sample, metric), figure(over, over.samples[round]!, metric)),
  );
}

function figure(
  { case: { key } }: CaseSamples,
  sample: CaseSamples['samples'][number],
  metric: Metric,
): number {
  const value = sample[metric];
  if (value === undefined) throw new Error(`The case '${key}' measures no ${metric}.`);
  return value;
}

function caseOf(cases: readonly CaseSamples[], key: string): CaseSamples {
  const found = cases.find((each) => each.case.key === key);
  if (found === undefined)
    throw new Error(`A comparison names the case '${key}', which its table does not have.`);
  return found;
}
