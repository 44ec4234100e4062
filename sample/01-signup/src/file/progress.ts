import type { WriteStream } from 'node:tty';

const BAR_WIDTH = 20;
const TERMINAL_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 1000;
/** Escape sequence that clears the rest of the line. */
const CLEAR = '\u001B[K';

/** How far something is. */
export interface Snapshot {
  /** 0 to 1. */
  readonly done: number;
  readonly text: string;
}

/** Shows progress: as a bar that moves in a terminal, as a line per second elsewhere. */
export class Progress {
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly stream: Pick<WriteStream, 'write' | 'isTTY'>,
    private readonly look: () => Snapshot,
  ) {
    this.#timer = setInterval(() => this.#draw(), stream.isTTY ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS);
  }

  /** Writes a line without tearing the bar. */
  note(line: string): void {
    this.stream.write(this.stream.isTTY ? `\r${line}${CLEAR}\n` : `${line}\n`);
  }

  /** Shows the last state and leaves it there. */
  stop(): void {
    clearInterval(this.#timer);
    this.#draw();
    if (this.stream.isTTY) this.stream.write('\n');
  }

  #draw(): void {
    const { done, text } = this.look();
    const percent = `${Math.floor(done * 100)}%`.padStart(4);
    if (!this.stream.isTTY) {
      this.stream.write(`${percent}  ${text}\n`);
      return;
    }
    const filled = Math.round(done * BAR_WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
    this.stream.write(`\r${bar}${percent}  ${text}${CLEAR}`);
  }
}
