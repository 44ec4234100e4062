import { parseArgs } from 'node:util';
import { groupOf, type Case, type Effort, type Table } from './table.js';

const FULL: Effort = { warmUpMs: 1_000, measureMs: 800, events: 60_000 };
const QUICK: Effort = { warmUpMs: 100, measureMs: 150, events: 5_000 };

/** What the command line asks for. */
export interface Arguments {
  readonly tables: readonly Table[];
  readonly rounds: number;
  readonly effort: Effort;
  /** Where to write the figures as JSON. */
  readonly json: string | undefined;
  /** The one case to take a profile of, instead of measuring. */
  readonly profile: { readonly table: Table; readonly case: Case } | undefined;
  /** Only tell what there is. */
  readonly list: boolean;
}

/** @throws Error naming the argument that cannot be used. */
export function readArguments(argv: readonly string[], tables: readonly Table[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      profile: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  });
  const { quick, json, list } = values;
  return {
    tables: positionals.length === 0 ? tables : positionals.flatMap((name) => tablesNamed(name, tables)),
    rounds: values.rounds === undefined ? (quick ? 2 : 5) : readRounds(values.rounds),
    effort: quick ? QUICK : FULL,
    json,
    profile: values.profile === undefined ? undefined : caseNamed(values.profile, tables),
    list,
  };
}

function readRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1) return rounds;
  throw new Error(`--rounds is '${text}', but it must be a whole number from 1.`);
}

function tablesNamed(name: string, tables: readonly Table[]): Table[] {
  const found = tables.filter((table) => table.id === name || groupOf(table) === name);
  if (found.length > 0) return found;
  const groups = [...new Set(tables.map(groupOf))].join(', ');
  throw new Error(
    `'${name}' is neither a group (${groups}) nor a table; --list shows all tables and their cases.`,
  );
}

function caseNamed(name: string, tables: readonly Table[]): { table: Table; case: Case } {
  for (const table of tables) {
    const found = table.cases.find(({ key }) => `${table.id}/${key}` === name);
    if (found !== undefined) return { table, case: found };
  }
  throw new Error(`There is no case '${name}'; --list shows all.`);
}
