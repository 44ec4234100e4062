import { writeFileSync } from 'node:fs';
import { type Arguments, readArguments } from './harness/arguments.js';
import { compareAll } from './harness/compare.js';
import { load, machine } from './harness/machine.js';
import { findNode } from './harness/other-node.js';
import { profile } from './harness/profile.js';
import { closingWords, describeMachine, describeTable, type Result, toJson } from './harness/report.js';
import { notRun, runRounds, type TableSamples } from './harness/rounds.js';
import { withServers } from './harness/servers.js';
import { takeSnapshot } from './harness/snapshot.js';
import type { Case, Table } from './harness/table.js';
import { tables } from './tables/index.js';

const nodes = new Map<number, Promise<string>>();

function nodeOf(major: number): Promise<string> {
  if (!nodes.has(major)) nodes.set(major, findNode(major));
  return nodes.get(major)!;
}

async function measure(args: Arguments, program: string): Promise<void> {
  const facts = machine();
  const before = load();
  console.log(describeMachine(facts));
  const results: Result[] = [];
  for (const table of args.tables) {
    const samples = await measureTable(table, args, program);
    const result = { samples, verdicts: compareAll(samples) };
    results.push(result);
    console.log(`\n${describeTable(result)}`);
  }
  const loads = { before, after: load() };
  console.log(`Load average before ${loads.before.toFixed(2)}, after ${loads.after.toFixed(2)}.`);
  console.log(closingWords(results));
  if (results.some(({ samples }) => samples.cases.some(({ failure }) => failure !== undefined)))
    process.exitCode = 1;
  if (args.json !== undefined) {
    const document = { machine: facts, load: loads, effort: args.effort, tables: results.map(toJson) };
    writeFileSync(args.json, `${JSON.stringify(document, undefined, 2)}\n`);
  }
}

async function measureTable(
  table: Table,
  { rounds, effort }: Arguments,
  program: string,
): Promise<TableSamples> {
  const onRun = (round: number, { title }: Case) =>
    process.stderr.write(`${table.id}, round ${round + 1}: ${title}\n`);
  try {
    return await withServers(table.servers ?? [], (servers) =>
      runRounds(table, { rounds, input: { effort, servers }, program, nodeOf, onRun }),
    );
  } catch (error) {
    return notRun(table, (error as Error).message);
  }
}

/** Times as long as a measurement, so that the start of the application is a small part of it. */
const PROFILE_LENGTH = 6;

async function takeProfile({ profile: chosen, effort }: Arguments, program: string): Promise<void> {
  const { table, case: each } = chosen!;
  const { measureMs, events } = effort;
  const longer = { ...effort, measureMs: measureMs * PROFILE_LENGTH, events: events * PROFILE_LENGTH };
  const node = each.nodeMajor === undefined ? undefined : await nodeOf(each.nodeMajor);
  const text = await withServers(table.servers ?? [], (servers) =>
    profile({ table: table.id, case: each.key, input: { effort: longer, servers } }, { program, node }),
  );
  console.log(text);
}

function list(all: readonly Table[]): string {
  return all
    .map(({ id, title, cases }) =>
      [`${id}: ${title}`, ...cases.map(({ key }) => `  ${id}/${key}`)].join('\n'),
    )
    .join('\n');
}

const args = readArguments(process.argv.slice(2), tables);
if (args.list) {
  console.log(list(args.tables));
} else {
  const { caseProgram, remove } = takeSnapshot();
  process.once('exit', remove);
  process.once('SIGINT', () => process.exit(130));
  await (args.profile === undefined ? measure(args, caseProgram) : takeProfile(args, caseProgram));
}
