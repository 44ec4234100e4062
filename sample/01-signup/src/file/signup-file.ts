import { type FileHandle, open } from 'node:fs/promises';
import { extname } from 'node:path';
import { SetupError } from '../setup-error.js';
import { signupSchema } from '../signup/signup.events.js';
import { readCsv } from './csv.js';
import { readJsonLines } from './json-lines.js';
import type { Row } from './row.js';

const READERS: Record<string, (text: AsyncIterable<string>) => AsyncGenerator<Row>> = {
  '.csv': (text) => readCsv(text, Object.keys(signupSchema.shape)),
  '.jsonl': readJsonLines,
};

/** A file of sign-ups, read piece by piece: its size is no matter. */
export class SignupFile {
  #bytesRead = 0;

  private constructor(
    private readonly handle: FileHandle,
    private readonly bytes: number,
    private readonly reader: (text: AsyncIterable<string>) => AsyncGenerator<Row>,
  ) {}

  /** @throws {SetupError} when it cannot be read, or its name does not tell its format. */
  static async open(path: string): Promise<SignupFile> {
    const reader = READERS[extname(path).toLowerCase()];
    if (reader === undefined) {
      throw new SetupError(`${path} is neither .csv nor .jsonl, so its format is unknown.`);
    }
    try {
      const handle = await open(path);
      const { size } = await handle.stat();
      return new SignupFile(handle, size, reader);
    } catch (error) {
      throw new SetupError(`${path} cannot be read: ${(error as Error).message}.`);
    }
  }

  /** Share of the file that has been read, 0 to 1. */
  get progress(): number {
    return this.bytes === 0 ? 1 : this.#bytesRead / this.bytes;
  }

  /** The records, once. */
  rows(): AsyncGenerator<Row> {
    return this.reader(this.#text());
  }

  /** May be called twice. */
  close(): Promise<void> {
    return this.handle.close();
  }

  async *#text(): AsyncGenerator<string> {
    const stream = this.handle.createReadStream({ encoding: 'utf8', highWaterMark: 16_384 });
    for await (const chunk of stream as AsyncIterable<string>) {
      yield chunk;
      this.#bytesRead = stream.bytesRead;
    }
  }
}
