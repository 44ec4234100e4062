import { parseArgs } from 'node:util';
import { type EventBackend, EventConfigurationError, EventError } from 'nestjs-durable-events';
import { runFile } from './file/run-file.js';
import { serve } from './serve.js';
import { readSettings } from './settings.js';
import { SetupError } from './setup-error.js';

/** What a backend is made for. */
export interface Use {
  /** Who emits: it decides what happens when the memory queue is full. */
  readonly source: 'http' | 'file';
  /** Folder of everything that the sample writes. */
  readonly dataDir: string;
}

/** What differs between the samples that take sign-ups. */
export interface Program {
  /** How it is started, for the help. */
  readonly command: string;
  /** Folder of what it writes, unless DATA_DIR names one. */
  dataDirFor(environment: NodeJS.ProcessEnv): string;
  /** Makes what carries the events. @throws {SetupError} when the environment does not tell what. */
  backendFor(environment: NodeJS.ProcessEnv, use: Use): EventBackend;
  /** What to look at when the backend cannot be started or used, although its options are fine. */
  advice?(environment: NodeJS.ProcessEnv): string;
}

/** Exit code when the sample cannot do its work. */
const UNUSABLE = 2;

/** Serves HTTP, or signs up everybody in the file that the command line names, and sets the exit code. */
export async function run(program: Program, environment = process.env): Promise<void> {
  try {
    const { file, help } = readArguments(program);
    if (help) {
      console.log(usageOf(program));
      return;
    }
    const settings = readSettings(environment, program.dataDirFor(environment));
    const source = file === undefined ? 'http' : 'file';
    const backend = program.backendFor(environment, { source, dataDir: settings.dataDir });
    if (file === undefined) await serve(settings, backend);
    else process.exitCode = await runFile(file, settings, backend);
  } catch (error) {
    if (!(error instanceof SetupError || error instanceof EventError)) throw error;
    console.error(error.message);
    const isOutside = error instanceof EventError && !(error instanceof EventConfigurationError);
    if (isOutside && program.advice) console.error(program.advice(environment));
    process.exitCode = UNUSABLE;
  }
}

function usageOf({ command }: Program): string {
  const file = `${command} -- --file people.csv`;
  return `Usage:
  ${command.padEnd(file.length)}   serve HTTP
  ${file}   sign up everybody in a .csv or .jsonl file`;
}

function readArguments(program: Program) {
  try {
    return parseArgs({
      options: { file: { type: 'string', short: 'f' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${usageOf(program)}`);
  }
}
