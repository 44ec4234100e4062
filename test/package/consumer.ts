import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../support/built-package.js';

/** The tarball as `npm publish` would upload it. */
export interface PackedPackage {
  readonly path: string;
  /** Paths in it, without the leading `package/`. */
  readonly files: readonly string[];
}

/** Packs the package as it was built. */
export function pack(folder: string): PackedPackage {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const output = execFileSync('npm', args, {
    cwd: packageRoot,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(output) as [{ filename: string; files: { path: string }[] }];
  return { path: join(folder, packed.filename), files: packed.files.map(({ path }) => path) };
}

/** What the packed package finds beside it. */
const NEIGHBOURS = [
  '@nestjs/common',
  '@nestjs/core',
  '@standard-schema/spec',
  '@types/node',
  'reflect-metadata',
  'rxjs',
];

export interface ConsumerOptions {
  readonly nest: 11 | 12;
  readonly type: 'module' | 'commonjs';
  /** Optional peers to install. */
  readonly peers?: readonly string[];
}

/**
 * Makes a project outside this repository that has the packed package installed. Everything else it needs is linked
 * from the dependencies of this repository, so that no registry is asked.
 *
 * @returns Its folder.
 */
export function createConsumer(parent: string, packed: PackedPackage, options: ConsumerOptions): string {
  const folder = mkdtempSync(join(parent, 'consumer-'));
  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'nestjs-durable-events');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', packed.path, '--strip-components=1', '-C', installed]);
  for (const name of [...NEIGHBOURS, ...(options.peers ?? [])]) {
    const source =
      options.nest === 11 && name.startsWith('@nestjs/') ? 'test/nest11/node_modules' : 'node_modules';
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(packageRoot, source, name), join(modules, name));
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: options.type }));
  return folder;
}

/** Puts the sources of the example application into a project. */
export function addApplication(folder: string): void {
  cpSync(join(import.meta.dirname, 'app'), folder, { recursive: true });
}

/** Adds settings for the compiler: those of Nest's templates, and these. */
export function addSettings(folder: string, compilerOptions: Readonly<Record<string, unknown>>): void {
  const settings = {
    compilerOptions: {
      target: 'es2022',
      lib: ['es2023'],
      types: ['node'],
      strict: true,
      isolatedModules: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      rootDir: '.',
      outDir: 'out',
      ...compilerOptions,
    },
    include: ['**/*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
}

/** A folder for tarball and projects, outside this repository so that nothing resolves into it by accident. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'nestjs-durable-events-package-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs Node until it exits by itself, and returns what it printed. Fails when it prints an error or takes too long. */
export function runNode(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    timeout: 60_000,
  });
}
