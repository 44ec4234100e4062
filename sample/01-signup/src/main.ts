import { parseArgs } from 'node:util';
import { EventError } from 'nestjs-durable-events';
import { runFile } from './file/run-file.js';
import { serve } from './serve.js';
import { readSettings } from './settings.js';
import { SetupError } from './setup-error.js';

const USAGE = `Usage:
  npm start                          serve HTTP
  npm start -- --file people.csv     sign up everybody in a .csv or .jsonl file`;

/** Exit code when the sample cannot do its work. */
const UNUSABLE = 2;

try {
  const { file, help } = readArguments();
  if (help) console.log(USAGE);
  else if (file !== undefined) process.exitCode = await runFile(file, readSettings(process.env));
  else await serve(readSettings(process.env));
} catch (error) {
  if (!(error instanceof SetupError || error instanceof EventError)) throw error;
  console.error(error.message);
  process.exitCode = UNUSABLE;
}

function readArguments() {
  try {
    return parseArgs({
      options: { file: { type: 'string', short: 'f' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${USAGE}`);
  }
}
