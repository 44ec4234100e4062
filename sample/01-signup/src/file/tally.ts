/** A line that was not accepted, and why. */
export interface Problem {
  readonly line: number;
  readonly message: string;
}

/** Problems that are kept for the summary; the others are only counted. */
const KEPT = 10;

/** What became of the lines of a file. */
export class Tally {
  accepted = 0;
  /** Valid, but a handler of `before:signup` said no. */
  refused = 0;
  /** Cannot be read, or has fields that cannot be used. */
  invalid = 0;
  readonly problems: Problem[] = [];

  get lines(): number {
    return this.accepted + this.refused + this.invalid;
  }

  refuse(line: number, message: string): void {
    this.refused++;
    this.#keep(line, message);
  }

  reject(line: number, message: string): void {
    this.invalid++;
    this.#keep(line, message);
  }

  #keep(line: number, message: string): void {
    if (this.problems.length < KEPT) this.problems.push({ line, message });
  }
}
