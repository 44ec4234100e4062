// Runs before `npm test` and `npm start`, so without dependencies: installs them where they are missing or older than
// the lock file.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
/** npm writes it last, so an installation that was interrupted has none. */
const installed = statSync(join(root, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
const wanted = statSync(join(root, 'package-lock.json'));

if (!installed || installed.mtimeMs < wanted.mtimeMs) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: 'inherit' });
}
