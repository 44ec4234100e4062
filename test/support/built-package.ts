import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where the package's own package.json is. */
export const packageRoot = join(import.meta.dirname, '../..');

/** Tests of the package use `dist`, so they must not judge what was built from other sources. */
export function assertBuilt(): void {
  const built = statSync(join(packageRoot, 'dist/index.js'), { throwIfNoEntry: false });
  if (built && built.mtimeMs >= newestSource()) return;
  throw new Error('These tests use dist, which is missing or older than lib: run npm run build first.');
}

function newestSource(): number {
  const lib = join(packageRoot, 'lib');
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return Math.max(...files.map((file) => statSync(join(lib, file)).mtimeMs));
}
