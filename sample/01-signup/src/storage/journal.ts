import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Something with the id of the event that it was written for. */
export interface JournalEntry {
  readonly id: string;
}

/**
 * A file of JSON lines that can be appended to twice without harm: what has the same id is one entry. That makes a
 * handler that appends safe to repeat, after a crash or a retry.
 */
export class Journal<E extends JournalEntry> {
  constructor(private readonly path: string) {}

  /** The line break comes first: a line that a crash cut short must not swallow the one after it. */
  async append(entry: E): Promise<void> {
    await appendFile(this.path, `\n${JSON.stringify(entry)}`);
  }

  /** All entries, those of other processes included. */
  async entries(): Promise<ReadonlyMap<string, E>> {
    const text = await readFile(this.path, 'utf8');
    const entries = text.split('\n').flatMap((line) => parse<E>(line));
    return new Map(entries.map((entry) => [entry.id, entry]));
  }

  /** Makes the file if it is not there. */
  async open(): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    await appendFile(this.path, '');
  }
}

/** A line that a crash cut short is none: its event was not acknowledged, so the whole line follows. */
function parse<E>(line: string): E[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as E];
  } catch {
    return [];
  }
}
