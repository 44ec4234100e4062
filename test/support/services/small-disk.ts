import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import { find, type Service } from './provide.js';

/** A file system of its own that is small enough to be filled. */
export class SmallDisk {
  readonly dir = mkdtempSync(join(tmpdir(), 'small-disk-'));

  /** @throws Error where this process may not mount. */
  constructor() {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', this.dir], { stdio: 'pipe' });
    } catch (error) {
      rmdirSync(this.dir);
      throw error;
    }
  }

  /** Takes all the space that is left. */
  fill(): void {
    const file = openSync(this.#ballast, 'w');
    try {
      // Down to the last page, because a file that has one goes on in it.
      for (const size of [1 << 20, 1 << 12, 1]) writeUntilFull(file, Buffer.alloc(size));
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  remove(): void {
    execFileSync('umount', ['--lazy', this.dir]);
    rmdirSync(this.dir);
  }

  get #ballast(): string {
    return join(this.dir, 'ballast');
  }
}

/**
 * `describe` for tests that need one: where there can be none they are skipped, with the reason in their name.
 *
 * @param server Whose files are to be there. One in a container would not see it.
 */
export function describeWithSmallDisk(name: string, tests: () => void, server?: Service): void {
  const obstacle = whyNone(server);
  if (obstacle === undefined) describe(name, tests);
  else describe.skip(`${name} (not run: ${obstacle})`, tests);
}

function whyNone(server: Service | undefined): string | undefined {
  if (server && find(server).kind !== 'binary') return `${server.binary} is not a program of this machine`;
  try {
    new SmallDisk().remove();
    return undefined;
  } catch (error) {
    return `no file system can be mounted here: ${(error as Error).message.split('\n')[0]}`;
  }
}

function writeUntilFull(file: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
