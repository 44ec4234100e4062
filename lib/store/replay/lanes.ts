interface Entry {
  readonly position: string;
  done: boolean;
}

/**
 * Does work for events side by side, those of one lane one behind the other, and knows up to where all of it is done.
 */
export class Lanes {
  readonly #last = new Map<string, Promise<boolean>>();
  /** What has begun and is not done, or is waiting for one before it to be; oldest first. */
  readonly #open: Entry[] = [];
  #active = 0;
  #wake: (() => void) | undefined;
  #failure: { readonly thrown: unknown } | undefined;

  /** @param position Everything up to here is done. */
  constructor(
    private readonly concurrency: number,
    public position: string | undefined,
  ) {}

  /** Resolves when one more may be added. @throws what earlier work rejected with. */
  async room(): Promise<void> {
    while (this.#active >= this.concurrency) await this.#turn();
    this.#check();
  }

  /**
   * Begins, behind what its lane has under way.
   *
   * @param lane `undefined` for work that waits for no other.
   * @param work Resolves with whether it is done: otherwise the position stays before it, and what waits for it in its
   *   lane does not begin.
   */
  add(position: string, lane: string | undefined, work: () => Promise<boolean>): void {
    const entry = { position, done: false };
    this.#open.push(entry);
    this.#active++;
    const before = lane === undefined ? undefined : this.#last.get(lane);
    const working = before === undefined ? work() : before.then((done) => done && work());
    const ended = working.then(
      (done) => this.#ended(entry, done),
      (thrown: unknown) => {
        this.#failure ??= { thrown };
        return this.#ended(entry, false);
      },
    );
    if (lane === undefined) return;
    this.#last.set(lane, ended);
    void ended.then((done) => {
      if (done && this.#last.get(lane) === ended) this.#last.delete(lane);
    });
  }

  /** Resolves when nothing is under way. @throws what work rejected with. */
  async settled(): Promise<void> {
    while (this.#active > 0) await this.#turn();
    this.#check();
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  #ended(entry: Entry, done: boolean): boolean {
    entry.done = done;
    this.#active--;
    while (this.#open[0]?.done) this.position = this.#open.shift()!.position;
    this.#wake?.();
    return done;
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown;
  }
}
