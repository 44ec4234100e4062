/**
 * What one run of a case measured. Times are per operation. `cpuNs` is the processor time of the process that emits
 * (in pairs of processes: of both), which other work on the machine disturbs far less than `wallNs`.
 */
export interface Sample {
  readonly wallNs?: number;
  readonly cpuNs?: number;
  /** Processor time of the server. */
  readonly serverCpuNs?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly maxMs?: number;
  /** From the death of a consumer until others have done its work, without the lease they had to wait for. */
  readonly recoveryMs?: number;
  /** By how much the process of the consumer grew at most. */
  readonly growthMiB?: number;
}

export type Metric = keyof Sample;

/** How long and how much a case measures. */
export interface Effort {
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Events of a case that counts events instead of time. */
  readonly events: number;
}

/** What a case is given by whoever runs it. */
export interface CaseInput {
  readonly effort: Effort;
  /** URLs of the servers that the table asked for. */
  readonly servers: Readonly<Record<string, string>>;
}

/** One thing to measure, in a process of its own. */
export interface Case {
  /** Unique in its table. */
  readonly key: string;
  readonly title: string;
  /** Major version of Node to run on. Default: the one that runs the benchmarks. */
  readonly nodeMajor?: number;
  /** Imports what it measures by itself, so that a process loads nothing that belongs to other cases. */
  readonly run: (input: CaseInput) => Promise<Sample>;
}

/** How many times as fast one case is as another. */
export interface Speedup {
  readonly of: string;
  readonly over: string;
  readonly atLeast?: number;
}

/** By how much a figure of one case exceeds that of another. */
export interface Excess {
  readonly of: string;
  readonly over: string;
  readonly metric: Metric;
  /** The largest excess that is still good. */
  readonly atMost: number;
}

export type Comparison = Speedup | Excess;

/** Cases that are measured side by side, and what is to be read off them. */
export interface Table {
  /** `group/name`. */
  readonly id: string;
  readonly title: string;
  readonly cases: readonly Case[];
  readonly comparisons: readonly Comparison[];
  /** Names of servers to start. */
  readonly servers?: readonly string[];
}

export function isExcess(comparison: Comparison): comparison is Excess {
  return 'metric' in comparison;
}

export function groupOf(table: Table): string {
  return table.id.slice(0, table.id.indexOf('/'));
}
