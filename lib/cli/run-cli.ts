import { parseArgs } from 'node:util';
import { openDatabase } from '../clients/postgres/open-database.js';
import { createTable } from '../clients/postgres/table.js';
import { toError } from '../dispatch/failure.js';
import { EventConfigurationError } from '../errors.js';
import { chosenTables, scriptOf, TABLE_KINDS, type TableChoice } from './tables.js';

/** What a command has to do with: the process, or what a test puts in its place. */
export interface CliHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const TIMEOUT_MS = 30_000;
const USAGE = `Usage:
  nestjs-durable-events sql               prints the SQL that makes the tables in PostgreSQL
  nestjs-durable-events migrate [url]     makes those that are missing; url is DATABASE_URL unless given

Options:
  --tables <list>      of ${TABLE_KINDS.join(',')}; default all
  --schema <name>      default public
  --namespace <name>   that of the backend, default events
`;

/**
 * Runs the command `nestjs-durable-events`.
 *
 * @param args What stands behind its name.
 * @returns The exit code: 0, or 1 after an error was shown.
 */
export async function runCli(args: readonly string[], host: CliHost): Promise<number> {
  try {
    await run(args, host);
    return 0;
  } catch (error) {
    host.err(`${toError(error).message}\n`);
    return 1;
  }
}

async function run(args: readonly string[], host: CliHost): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const [command, url = host.env['DATABASE_URL'], ...others] = positionals;
  if (values.help) return host.out(USAGE);
  if (command === 'sql' && positionals.length === 1) {
    return host.out(scriptOf(chosenTables(values), values.schema));
  }
  if (command === 'migrate' && others.length === 0) return migrate(url, values, host);
  throw new EventConfigurationError(USAGE);
}

const OPTIONS = {
  tables: { type: 'string', default: TABLE_KINDS.join(',') },
  schema: { type: 'string', default: 'public' },
  namespace: { type: 'string', default: 'events' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

async function migrate(url: string | undefined, choice: TableChoice, host: CliHost): Promise<void> {
  if (url === undefined) {
    throw new EventConfigurationError('Which database? Pass its URL, or set DATABASE_URL.');
  }
  const tables = chosenTables(choice);
  const database = openDatabase(url, TIMEOUT_MS, 'nestjs-durable-events migrate');
  try {
    for (const { name, statements, newest } of tables) {
      const made = await createTable(database, name, statements, newest);
      host.out(`${name.schema}.${name.table}: ${made ? 'made' : 'there already'}\n`);
    }
  } finally {
    await database.close();
  }
}
