import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LedgerClient } from './programs/ledger-client.js';
import { plainEnvironment } from './service-process.js';
import type { LedgerNote } from './programs/settings.js';

/** One line. Times are those of the ledger's own clock, in Unix milliseconds. */
export interface LedgerEntry {
  /** Its place among all lines. */
  readonly line: number;
  readonly at: number;
  /** The process that sent it. */
  readonly by: string;
  readonly eventId: string;
  readonly note: LedgerNote;
  readonly detail: string;
}

/** What all processes told the ledger, which is a process of its own that none of the faults hits. */
export class Ledger {
  readonly #buffer = Buffer.alloc(1 << 16);
  readonly #byNote = new Map<LedgerNote, Map<string, LedgerEntry[]>>();
  readonly #counts = new Map<LedgerNote, number>();
  #offset = 0;
  #lines = 0;

  private constructor(
    private readonly folder: string,
    private readonly process: ChildProcess,
    private readonly client: LedgerClient,
  ) {}

  /** @param program The program of the ledger, built. */
  static async open(program: string): Promise<Ledger> {
    const folder = mkdtempSync(join(tmpdir(), 'ledger-'));
    const socket = join(folder, 'socket');
    const process = fork(program, [socket, join(folder, 'lines')], { execArgv: [], env: plainEnvironment() });
    await once(process, 'message');
    return new Ledger(folder, process, await LedgerClient.connect(socket, 'test'));
  }

  /** Where it listens. */
  get socket(): string {
    return join(this.folder, 'socket');
  }

  /**
   * Notes what the test does.
   *
   * @returns When, by the clock of all other lines.
   */
  mark(what: string): Promise<number> {
    return this.client.write('-', 'fault', what);
  }

  /** Notes that the test has a receipt for an order. */
  async confirm(eventId: string, n: number): Promise<void> {
    await this.client.write(eventId, 'confirmed', `-/${n}`);
  }

  /** Takes in what was written since the last time. */
  read(): this {
    const { exitCode, signalCode } = this.process;
    if (exitCode !== null || signalCode !== null) throw new Error('The ledger has ended.');
    const text = this.#newText();
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    this.#offset += whole.length;
    for (const line of whole.split('\n')) if (line !== '') this.#take(line);
    return this;
  }

  /** Entries of one kind by event id. */
  of(note: LedgerNote): ReadonlyMap<string, readonly LedgerEntry[]> {
    return this.#byNote.get(note) ?? new Map<string, LedgerEntry[]>();
  }

  /** Number of lines of these kinds. */
  lines(...notes: readonly LedgerNote[]): number {
    return notes.reduce((sum, note) => sum + (this.#counts.get(note) ?? 0), 0);
  }

  async close(): Promise<void> {
    this.client.close();
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, 'exit');
      this.process.disconnect();
      await ended;
    }
    rmSync(this.folder, { recursive: true });
  }

  #newText(): string {
    const path = join(this.folder, 'lines');
    if (!existsSync(path)) return '';
    const file = openSync(path, 'r');
    let text = '';
    let offset = this.#offset;
    for (let size; (size = readSync(file, this.#buffer, 0, this.#buffer.length, offset)) > 0; offset += size)
      text += this.#buffer.toString('latin1', 0, size);
    closeSync(file);
    return text;
  }

  #take(text: string): void {
    const [at, by, eventId, note, detail = ''] = text.split(' ') as [
      string,
      string,
      string,
      LedgerNote,
      string?,
    ];
    const entry = { line: this.#lines++, at: Number(at), by, eventId, note, detail };
    this.#counts.set(note, (this.#counts.get(note) ?? 0) + 1);
    let events = this.#byNote.get(note);
    if (events === undefined) this.#byNote.set(note, (events = new Map<string, LedgerEntry[]>()));
    const entries = events.get(eventId);
    if (entries === undefined) events.set(eventId, [entry]);
    else entries.push(entry);
  }
}
