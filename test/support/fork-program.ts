import { type ChildProcess, fork } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const hooks = pathToFileURL(join(import.meta.dirname, 'typescript.mjs')).href;

/** Runs a TypeScript program of the tests in a process of its own, with a channel to it. Its output is kept back. */
export function forkProgram(path: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
  // Options of the process that runs the tests are not meant for this one.
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  return fork(path, { execArgv: ['--import', hooks], env: { ...inherited, ...env }, silent: true });
}
