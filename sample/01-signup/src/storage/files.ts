import { randomUUID } from 'node:crypto';
import { link, rename, rm, writeFile } from 'node:fs/promises';

/** Writes a file that is never seen half-written, not even after a crash. */
export async function writeWhole(path: string, content: string): Promise<void> {
  const draft = draftOf(path);
  await writeFile(draft, content);
  await rename(draft, path);
}

/**
 * As {@link writeWhole}, if nobody has made the file yet: of several that try at once, in whatever process, one wins.
 *
 * @returns Whether it was this call.
 */
export async function createWhole(path: string, content: string): Promise<boolean> {
  const draft = draftOf(path);
  await writeFile(draft, content);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft);
  }
}

function draftOf(path: string): string {
  return `${path}.${randomUUID()}.draft`;
}
