import { openSync, writeSync } from 'node:fs';
import type { LedgerNote } from './settings.js';

/**
 * What this process did, in a file that outlives it: a line that was written is in the hands of the system before
 * the handler goes on, so that SIGKILL cannot take it back. Every process has a file of its own, because a line that
 * SIGKILL cut off must not run into one of another process.
 */
export class LedgerFile {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  write(eventId: string, note: LedgerNote): void {
    writeSync(this.#file, `${eventId} ${note} ${Date.now()}\n`);
  }
}
