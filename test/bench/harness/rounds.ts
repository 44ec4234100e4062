import { runFresh } from './fresh-process.js';
import { busyWithOthers } from './machine.js';
import type { Case, CaseInput, Sample, Table } from './table.js';

/** The samples of one case by round. */
export interface CaseSamples {
  readonly case: Case;
  readonly samples: readonly Sample[];
  /** Why it has none. */
  readonly failure?: string;
}

/** Everything measured for a table. */
export interface TableSamples {
  readonly table: Table;
  readonly rounds: number;
  readonly cases: readonly CaseSamples[];
  /** Part of the machine that others kept busy just before each run. */
  readonly disturbance: readonly number[];
}

/** What the rounds of a table need. */
export interface RoundsOptions {
  readonly rounds: number;
  readonly input: CaseInput;
  /** The compiled `case-process.ts`. */
  readonly program: string;
  /** Path of the Node of a major version. @throws Error when there is none. */
  readonly nodeOf: (major: number) => Promise<string>;
  readonly onRun?: (round: number, each: Case) => void;
}

/**
 * Runs every case once per round, each in a fresh process, in order and then in reverse: whatever changes slowly on
 * the machine meets all cases alike, and figures of one round can be compared. A case that fails is not tried again.
 */
export async function runRounds(table: Table, options: RoundsOptions): Promise<TableSamples> {
  const results = table.cases.map((each) => ({
    case: each,
    samples: [] as Sample[],
    failure: undefined as string | undefined,
  }));
  const disturbance: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const result of round % 2 === 0 ? results : results.toReversed()) {
      if (result.failure !== undefined) continue;
      options.onRun?.(round, result.case);
      disturbance.push(await busyWithOthers());
      try {
        result.samples.push(await runOnce(table, result.case, options));
      } catch (error) {
        result.failure = (error as Error).message;
        result.samples.length = 0;
      }
    }
  }
  return { table, rounds: options.rounds, cases: results, disturbance };
}

async function runOnce(table: Table, each: Case, { input, program, nodeOf }: RoundsOptions): Promise<Sample> {
  const node = each.nodeMajor === undefined ? undefined : await nodeOf(each.nodeMajor);
  return runFresh({ table: table.id, case: each.key, input }, { program, node });
}

/** A table of which no case could be run. */
export function notRun(table: Table, failure: string): TableSamples {
  return {
    table,
    rounds: 0,
    cases: table.cases.map((each) => ({ case: each, samples: [], failure })),
    disturbance: [],
  };
}
