import { describe, expect, it } from '@jest/globals';
import { compareAll } from './compare.js';
import { closingWords, describeTable, type Result } from './report.js';
import { notRun, type TableSamples } from './rounds.js';
import { percentile, spreadOf } from './statistics.js';
import type { Case, Comparison, Sample, Table } from './table.js';

function caseNamed(key: string): Case {
  return { key, title: key.toUpperCase(), run: () => Promise.reject(new Error('Nothing runs here.')) };
}

function tableWith(...comparisons: Comparison[]): Table {
  return { id: 'group/table', title: 'a table', cases: [caseNamed('a'), caseNamed('b')], comparisons };
}

function measured(table: Table, a: Sample[], b: Sample[], failure?: string): TableSamples {
  const cases = [
    { case: table.cases[0]!, samples: a, failure },
    { case: table.cases[1]!, samples: b },
  ];
  return { table, rounds: b.length, cases, disturbance: [0.5, 0.1] };
}

function resultOf(samples: TableSamples): Result {
  return { samples, verdicts: compareAll(samples) };
}

const times = (...all: number[]): Sample[] => all.map((ns) => ({ wallNs: ns, cpuNs: ns * 2 }));

describe('figures', () => {
  it('are told by median and range', () => {
    expect(spreadOf([3, 1, 2, 10])).toEqual({ median: 2.5, min: 1, max: 10 });
    expect(percentile([0, 10, 20, 30, 40], 0.99)).toBeCloseTo(39.6);
    expect(() => spreadOf([])).toThrow('no values');
  });

  it('are compared within their round, whatever the other rounds were like', () => {
    const table = tableWith({ of: 'a', over: 'b', atLeast: 2 });
    const [verdict] = compareAll(measured(table, times(100, 1_000, 10), times(200, 3_000, 15)));
    expect(verdict).toMatchObject({ wall: { median: 2, min: 1.5, max: 3 }, met: true });
  });

  it('tell by how much a target is missed', () => {
    const speed = tableWith({ of: 'a', over: 'b', atLeast: 4 });
    expect(describeTable(resultOf(measured(speed, times(100), times(300))))).toContain(
      '**A** to B: 3.00x (3.00x–3.00x) as fast; CPU 3.00x (3.00x–3.00x); target at least 4.00x: **missed**, 25 % short',
    );
    const latency = tableWith({ of: 'a', over: 'b', metric: 'p99Ms', atMost: 5 });
    expect(describeTable(resultOf(measured(latency, [{ p99Ms: 9 }], [{ p99Ms: 2 }])))).toContain(
      '**A** minus B, p99: 7.00 ms (7.00 ms–7.00 ms); target at most 5.00 ms: **missed**, 2.00 ms too much',
    );
  });

  it('that are missing are named in the end, with the reason', () => {
    const table = tableWith({ of: 'a', over: 'b', atLeast: 1 });
    const broken = resultOf(measured(table, [], times(100), 'It broke.'));
    expect(broken.verdicts).toEqual([]);
    expect(closingWords([broken])).toBe('0 of 0 targets met.\n\nDid not run:\n- group/table/a: It broke.');
    const absent = resultOf(notRun(table, 'There is no server.'));
    expect(closingWords([absent])).toContain('- group/table/b: There is no server.');
    expect(describeTable(absent)).toContain('- 0 rounds');
  });

  it('do not allow a comparison with a case that does not exist', () => {
    const table = tableWith({ of: 'a', over: 'c' });
    expect(() => compareAll(measured(table, times(1), times(1)))).toThrow("names the case 'c'");
  });
});
