import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { assertBuilt, packageRoot } from '../support/built-package.js';

const here = join(packageRoot, 'test/faults');

/** The programs of the child processes, ready for Node. They use the package by its name, as it is built in dist. */
export interface BuiltPrograms {
  readonly service: string;
  readonly ledger: string;
  remove(): void;
}

/**
 * Builds the programs into a folder of the caller's own, so that test files that run at once do not meet.
 *
 * @throws Error when the package is not built.
 */
export function buildPrograms(): BuiltPrograms {
  assertBuilt();
  const parent = join(here, 'dist');
  mkdirSync(parent, { recursive: true });
  // Inside the package, because only there its own name can be imported.
  const folder = mkdtempSync(join(parent, 'programs-'));
  for (const name of readdirSync(join(here, 'programs'))) {
    const source = readFileSync(join(here, 'programs', name), 'utf8');
    writeFileSync(join(folder, name.replace(/\.ts$/, '.js')), toJavaScript(source));
  }
  return {
    service: join(folder, 'service.js'),
    ledger: join(folder, 'ledger-process.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function toJavaScript(source: string): string {
  return transformSync(source, {
    swcrc: false,
    configFile: false,
    module: { type: 'es6' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
  }).code;
}
