import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMPILED = fileURLToPath(new URL('../../', import.meta.url));
const PACKAGE = join(COMPILED, '../../../');

/** A copy of the built package and of the benchmarks, which a build in the meantime does not change. */
export interface Snapshot {
  /** Program that runs one case of the copy. */
  readonly caseProgram: string;
  readonly remove: () => void;
}

/** Inside `node_modules`, so that the copy finds the same dependencies, and itself by the package's own name. */
export function takeSnapshot(): Snapshot {
  const caches = join(PACKAGE, 'node_modules', '.cache');
  mkdirSync(caches, { recursive: true });
  const folder = mkdtempSync(join(caches, 'bench-'));
  for (const part of ['package.json', 'dist'])
    cpSync(join(PACKAGE, part), join(folder, part), { recursive: true });
  cpSync(COMPILED, join(folder, 'test'), { recursive: true });
  symlinkSync(join(PACKAGE, 'test', 'bench', 'peers'), join(folder, 'test', 'bench', 'peers'));
  return {
    caseProgram: join(folder, 'test', 'bench', 'harness', 'case-process.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
