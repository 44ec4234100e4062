import { closeSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerNote } from './programs/settings.js';

/** One line. */
export interface LedgerEntry {
  /** The process that wrote it. */
  readonly by: string;
  readonly at: number;
}

/** What all processes wrote, read by one that none of the faults hits. */
export class Ledger {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ledger-'));
  readonly #buffer = Buffer.alloc(1 << 16);
  /** How far each file was read. */
  readonly #offsets = new Map<string, number>();
  readonly #entries = new Map<string, Map<string, LedgerEntry[]>>();
  readonly #lines = new Map<string, number>();

  /** Where a process writes. */
  fileFor(name: string): string {
    return join(this.#folder, name);
  }

  /** Takes in what was written since the last time. A line without an end was cut off by SIGKILL: it is not one. */
  read(): this {
    for (const name of readdirSync(this.#folder)) {
      const text = this.#newTextOf(name);
      const whole = text.slice(0, text.lastIndexOf('\n') + 1);
      this.#offsets.set(name, (this.#offsets.get(name) ?? 0) + whole.length);
      for (const line of whole.split('\n')) if (line !== '') this.#take(name, line);
    }
    return this;
  }

  /** Entries of one kind by event id. */
  of(note: LedgerNote): ReadonlyMap<string, readonly LedgerEntry[]> {
    return this.#entries.get(note) ?? new Map<string, LedgerEntry[]>();
  }

  /** Number of lines of these kinds. */
  lines(...notes: readonly LedgerNote[]): number {
    return notes.reduce((sum, note) => sum + (this.#lines.get(note) ?? 0), 0);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #newTextOf(name: string): string {
    const file = openSync(this.fileFor(name), 'r');
    let text = '';
    let offset = this.#offsets.get(name) ?? 0;
    for (let size; (size = readSync(file, this.#buffer, 0, this.#buffer.length, offset)) > 0; offset += size)
      text += this.#buffer.toString('latin1', 0, size);
    closeSync(file);
    return text;
  }

  #take(by: string, line: string): void {
    const [eventId, note, at] = line.split(' ') as [string, string, string];
    this.#lines.set(note, (this.#lines.get(note) ?? 0) + 1);
    let events = this.#entries.get(note);
    if (events === undefined) this.#entries.set(note, (events = new Map<string, LedgerEntry[]>()));
    let entries = events.get(eventId);
    if (entries === undefined) events.set(eventId, (entries = []));
    entries.push({ by, at: Number(at) });
  }
}
