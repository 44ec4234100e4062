import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Path of a Node of that major version: this one, the one named by the variable `NODE<major>`, else one that npm
 * installs into the temporary folder, where later runs find it.
 *
 * @throws Error when it is none, or npm cannot install it.
 */
export async function findNode(major: number): Promise<string> {
  if (process.version.startsWith(`v${major}.`)) return process.execPath;
  const variable = `NODE${major}`;
  const path = process.env[variable] ?? (await install(major));
  const { stdout } = await run(path, ['--version']);
  if (!stdout.startsWith(`v${major}.`))
    throw new Error(`${path} is Node ${stdout.trim()}, not ${major}: set ${variable}.`);
  return path;
}

async function install(major: number): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(tmpdir(), `nestjs-durable-events-node${major}`);
  const path = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(path)) {
    await run('npm', [
      'install',
      `${name}@${major}`,
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
    ]);
  }
  return path;
}
