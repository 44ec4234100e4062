import type { Verdict } from './compare.js';
import type { Machine } from './machine.js';
import type { CaseSamples, TableSamples } from './rounds.js';
import { type Spread, spreadOf } from './statistics.js';
import { isExcess, type Metric, type Sample } from './table.js';

/** A table that was measured, and what follows from it. */
export interface Result {
  readonly samples: TableSamples;
  readonly verdicts: readonly Verdict[];
}

interface Column {
  readonly title: string;
  readonly value: (sample: Sample) => number | undefined;
  readonly format: (value: number) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'per second', value: ({ wallNs }) => wallNs && 1e9 / wallNs, format: count },
  { title: 'time each', value: ({ wallNs }) => wallNs, format: duration },
  { title: 'CPU each', value: ({ cpuNs }) => cpuNs, format: duration },
  { title: 'server CPU each', value: ({ serverCpuNs }) => serverCpuNs, format: duration },
  { title: 'p50', value: ({ p50Ms }) => p50Ms, format: milliseconds },
  { title: 'p99', value: ({ p99Ms }) => p99Ms, format: milliseconds },
  { title: 'max', value: ({ maxMs }) => maxMs, format: milliseconds },
  { title: 'recovery', value: ({ recoveryMs }) => recoveryMs, format: milliseconds },
  { title: 'growth', value: ({ growthMiB }) => growthMiB, format: mebibytes },
];

/** Those that comparisons subtract: how they are named and written. */
const METRICS: Partial<
  Record<Metric, { readonly name: string; readonly format: (value: number) => string }>
> = {
  p50Ms: { name: 'p50', format: milliseconds },
  p99Ms: { name: 'p99', format: milliseconds },
  maxMs: { name: 'maximum', format: milliseconds },
  recoveryMs: { name: 'recovery', format: milliseconds },
  growthMiB: { name: 'growth', format: mebibytes },
};

/** What the figures depend on. */
export function describeMachine({ cpu, cores, memoryGiB, system, node, versions, at }: Machine): string {
  const compared = Object.entries(versions).map((pair) => pair.join(' '));
  return `${at}: ${cores} x ${cpu}, ${memoryGiB} GiB, ${system}, Node ${node}\n${compared.join(', ')}`;
}

/** Targets met, and what did not run: last, where it is seen. */
export function closingWords(results: readonly Result[]): string {
  const judged = results.flatMap(({ verdicts }) => verdicts).filter(({ met }) => met !== undefined);
  const summary = `${judged.filter(({ met }) => met).length} of ${judged.length} targets met.`;
  const failures = results.flatMap(({ samples: { table, cases } }) =>
    cases.flatMap(({ case: { key }, failure }) =>
      failure === undefined ? [] : [`- ${table.id}/${key}: ${failure}`],
    ),
  );
  return failures.length === 0 ? summary : `${summary}\n\nDid not run:\n${failures.join('\n')}`;
}

/** A table for machines. */
export function toJson({ samples: { table, rounds, cases, disturbance }, verdicts }: Result): unknown {
  return {
    id: table.id,
    title: table.title,
    rounds,
    disturbance: disturbance.length === 0 ? undefined : spreadOf(disturbance),
    cases: cases.map(({ case: { key, title }, samples, failure }) => ({ key, title, failure, samples })),
    comparisons: verdicts.map(({ comparison, ...verdict }) => ({ ...comparison, ...verdict })),
  };
}

/** The table as Markdown: one line per case, then what the comparisons say. */
export function describeTable({ samples: result, verdicts }: Result): string {
  const measured = result.cases.filter(({ samples }) => samples.length > 0);
  const columns = COLUMNS.filter(({ value }) =>
    measured.some(({ samples }) => value(samples[0]!) !== undefined),
  );
  const rows = measured.map((each) => [each.case.title].concat(columns.map((column) => cell(each, column))));
  return [
    `### ${result.table.id}: ${result.table.title}`,
    '',
    ...markdownTable(['', ...columns.map(({ title }) => title)], rows),
    '',
    ...verdicts.map((verdict) => `- ${describeVerdict(verdict, titlesOf(result))}`),
    `- ${result.rounds} ${result.rounds === 1 ? 'round' : 'rounds'}${describeDisturbance(result)}`,
    '',
  ].join('\n');
}

function describeDisturbance({ disturbance }: TableSamples): string {
  if (disturbance.length === 0) return '';
  const { median, max } = spreadOf(disturbance.map((part) => part * 100));
  return `; other work on the machine just before a run: median ${median.toFixed(0)} %, at most ${max.toFixed(0)} %`;
}

function cell({ samples }: CaseSamples, { value, format }: Column): string {
  const values = samples.map(value).filter((each) => each !== undefined);
  return values.length === 0 ? '' : withRange(spreadOf(values), format);
}

function describeVerdict(
  { comparison, wall, cpu, met }: Verdict,
  titles: ReadonlyMap<string, string>,
): string {
  const of = titles.get(comparison.of);
  const over = titles.get(comparison.over);
  if (isExcess(comparison)) {
    const { metric, atMost } = comparison;
    const { name, format } = METRICS[metric] ?? { name: metric, format: String };
    const target = outcome(met!, `at most ${format(atMost)}`, `${format(wall.median - atMost)} too much`);
    return `**${of}** minus ${over}, ${name}: ${withRange(wall, format)}; ${target}`;
  }
  const ratios = `${withRange(wall, ratio)} as fast; CPU ${withRange(cpu!, ratio)}`;
  const { atLeast } = comparison;
  if (atLeast === undefined) return `**${of}** to ${over}: ${ratios}`;
  const short = `${((1 - wall.median / atLeast) * 100).toFixed(0)} % short`;
  return `**${of}** to ${over}: ${ratios}; ${outcome(met!, `at least ${ratio(atLeast)}`, short)}`;
}

function outcome(met: boolean, target: string, shortfall: string): string {
  return `target ${target}: ${met ? 'met' : `**missed**, ${shortfall}`}`;
}

function titlesOf({ table }: TableSamples): ReadonlyMap<string, string> {
  return new Map(table.cases.map(({ key, title }) => [key, title]));
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, 3, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)];
}

function withRange({ median, min, max }: Spread, format: (value: number) => string): string {
  return `${format(median)} (${format(min)}–${format(max)})`;
}

function ratio(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)}x`;
}

function count(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(1)}k` : value.toFixed(0);
}

function duration(ns: number): string {
  if (ns >= 1e6) return `${(ns / 1e6).toFixed(2)} ms`;
  return ns >= 1e4 ? `${(ns / 1e3).toFixed(1)} µs` : `${ns.toFixed(0)} ns`;
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(2)} ms`;
}

function mebibytes(size: number): string {
  return `${size.toFixed(1)} MiB`;
}
