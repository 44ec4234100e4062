import { fork } from 'node:child_process';
import type { CaseInput, Sample } from './table.js';

const TIMEOUT_MS = 120_000;

/** Which case a process is to run. */
export interface CaseRequest {
  readonly table: string;
  readonly case: string;
  readonly input: CaseInput;
}

/** What it sends in the end. */
export type CaseAnswer = { readonly sample: Sample } | { readonly error: string };

/** How to run it. */
export interface Launch {
  /** The compiled `case-process.ts`. */
  readonly program: string;
  /** Path of the Node to run it on. Default: this one. */
  readonly node?: string;
  /** Options of Node, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

/**
 * Runs one case in a process that has done nothing before: no code compiled for another case, no garbage of it.
 *
 * @throws Error with what went wrong in there, or when it takes longer than two minutes.
 */
export function runFresh(request: CaseRequest, { program, node, nodeOptions = [] }: Launch): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const child = fork(program, [JSON.stringify(request)], {
      execPath: node ?? process.execPath,
      execArgv: [...nodeOptions],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let output = '';
    let answer: CaseAnswer | undefined;
    child.stdout!.on('data', (chunk) => (output += String(chunk)));
    child.stderr!.on('data', (chunk) => (output += String(chunk)));
    child.once('message', (message) => (answer = message as CaseAnswer));
    const impatience = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(impatience);
      if (answer === undefined) reject(new Error(`It ended with ${signal ?? code} and no result. ${output}`));
      else if ('error' in answer) reject(new Error(answer.error));
      else resolve(answer.sample);
    });
  });
}
