import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Link } from '../transport.js';

/** How often a consumer looks for what another process has written. */
export const POLL_MS = 5;

/** The file of one run, in the folder that stands for a server. */
export function fileOf({ url, namespace }: Link): string {
  return join(url, `${namespace}.db`);
}

/** With what SQLite keeps beside it. */
export async function removeFile(link: Link): Promise<void> {
  const file = fileOf(link);
  await Promise.all(['', '-wal', '-shm'].map((suffix) => rm(file + suffix, { force: true })));
}
