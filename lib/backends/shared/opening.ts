/** Opens something once, for everybody who asks. Whoever asks after a failure tries again: what was down may be up. */
export class Opening<T> {
  #opening: Promise<T> | undefined;

  constructor(private readonly open: () => Promise<T>) {}

  /** Whether anybody has asked, and it did not fail. */
  get begun(): boolean {
    return this.#opening !== undefined;
  }

  get(): Promise<T> {
    return (this.#opening ??= this.open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    }));
  }

  /** What was opened, or is just being; `undefined` when nothing is, or when that fails: whoever opened it is told. */
  async settled(): Promise<T | undefined> {
    return this.#opening?.catch(() => undefined);
  }
}
