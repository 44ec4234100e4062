import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { LedgerNote } from './settings.js';

/** Writes to the ledger, and waits until it is written: SIGKILL cannot take it back after that. */
export class LedgerClient {
  /** Those who wait, oldest first. */
  readonly #waiting: ((at: number) => void)[] = [];
  #rest = '';

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8').on('data', (chunk: string) => this.#acknowledged(chunk));
  }

  /** @param name Names the writer, in one word. */
  static async connect(path: string, name: string): Promise<LedgerClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    socket.write(`${name}\n`);
    return new LedgerClient(socket);
  }

  /**
   * @param detail Anything else, in one word.
   * @returns When it was written, in Unix milliseconds of the ledger's clock.
   */
  write(eventId: string, note: LedgerNote, detail = ''): Promise<number> {
    this.socket.write(`${eventId} ${note} ${detail}\n`);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.socket.destroy();
  }

  #acknowledged(chunk: string): void {
    const replies = (this.#rest + chunk).split('\n');
    this.#rest = replies.pop()!;
    for (const reply of replies) {
      const [count, at] = reply.split(' ').map(Number) as [number, number];
      for (const resolve of this.#waiting.splice(0, count)) resolve(at);
    }
  }
}
