import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

/** An error of the compiler, or the one that a comment in the source expects. */
export interface CompileError {
  readonly file: string;
  readonly line: number;
  /** Such as `TS2345`; of an expected one also `TS2345 or TS2741`, where the compilers differ. */
  readonly code: string;
  /** All lines of it; of an expected one, the part that matters. */
  readonly message: string;
}

/** The compilers under test, as installed beside each other. */
export const COMPILERS = {
  'TypeScript 5.9': 'typescript-5.9',
  'TypeScript 6': 'typescript',
  'TypeScript 7': 'typescript-7',
};

const require = createRequire(import.meta.url);

/** Every error that a compiler reports for the `tsconfig.json` in a folder. */
export function compile(
  compilerPackage: string,
  folder: string,
  args: readonly string[] = [],
): CompileError[] {
  const tsc = join(dirname(require.resolve(`${compilerPackage}/package.json`)), 'bin/tsc');
  const { stdout, stderr, error } = spawnSync(
    process.execPath,
    [tsc, '--project', folder, '--pretty', 'false', ...args],
    { cwd: folder, encoding: 'utf8' },
  );
  if (error || stderr) throw error ?? new Error(stderr);
  return parse(stdout);
}

/** Details of an error follow it in indented lines. Errors of the settings have no place in a file. */
function parse(output: string): CompileError[] {
  return output
    .split(/\n(?=\S)/)
    .filter((report) => report.trim())
    .map((report) => {
      const match = /^(?:(.+?)\((\d+),\d+\): )?error (TS\d+): (.*)$/s.exec(report.trim());
      if (!match) throw new Error(`The compiler wrote what is no error:\n${report}`);
      const [, file = '', line = '0', code = '', message = ''] = match;
      return { file, line: Number(line), code, message };
    });
}

/** What the comments `// error TS1234: part of the message` in a folder's sources expect of the next line of code. */
export function expectedErrors(folder: string): CompileError[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => markers(file, readFileSync(join(folder, file), 'utf8').split('\n')));
}

const MARKER = /^\s*\/\/ error (TS\d+(?: or TS\d+)*): (.*)$/;

function markers(file: string, lines: readonly string[]): CompileError[] {
  return lines.flatMap((text, index) => {
    const [, code, message] = MARKER.exec(text) ?? [];
    if (!code || !message) return [];
    const next = lines.findIndex((line, at) => at > index && !MARKER.test(line));
    return { file, line: next + 1, code, message };
  });
}

/** Each expectation that no error meets and each error that nobody expects, as text: nothing when all is right. */
export function differences(expected: readonly CompileError[], reported: readonly CompileError[]): string[] {
  const unexpected = new Set(reported);
  const missing = expected.filter((expectation) => {
    const match = [...unexpected].find((error) => meets(error, expectation));
    return !match || !unexpected.delete(match);
  });
  return [
    ...missing.map((error) => `missing: ${show(error)}`),
    ...[...unexpected].map((error) => `unexpected: ${show(error)}`),
  ];
}

function meets(error: CompileError, { file, line, code, message }: CompileError): boolean {
  return (
    basename(error.file) === file &&
    error.line === line &&
    code.split(' or ').includes(error.code) &&
    error.message.includes(message)
  );
}

function show({ file, line, code, message }: CompileError): string {
  return `${file}:${line} ${code}: ${message}`;
}
