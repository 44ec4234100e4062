/** What is stored beside the offset of a partition: text of at most this many characters, which brokers take by default. */
const MOST_TEXT = 4000;
/** Of these, so many are for offsets that are done with. */
const MOST_DONE = 2800;

/** So many may have been begun since the last commit. */
const MOST_BEGUN = 500n;
/** Of these, so many are held for what killed a process; four times as many with each that dies. */
const FIRST_SUSPECTS = 50;

interface Stored {
  /** Runs of offsets that are done with, as `<gap>` or `<gap>+<more>` after each other, in base 36. */
  readonly d?: string;
  /** Below this distance, what is not done may have been begun. */
  readonly u?: number;
  /** How often in a row a process with this partition died. */
  readonly c?: number;
  /** A process has it, or died with it. */
  readonly b?: 1;
  /** Offset distances of what waits for a retry in its place, and where its state is. */
  readonly h?: Readonly<Record<string, string>>;
  /** Offset distances of what was begun by itself, and how often. */
  readonly n?: Readonly<Record<string, number>>;
}

interface Entry {
  readonly offset: bigint;
  done: boolean;
}

/**
 * How far a group has come with a partition. Work ends in any order; what is committed is the first offset that is not
 * done, so that nothing is skipped, and beside it, as far as there is room, which ones behind it are, so that little is
 * repeated.
 */
export class Progress {
  /** How often in a row a process died with it, this one not included. */
  crashes = 0;
  /** Where the state of an event is that waits for a retry in its place. */
  readonly held = new Map<bigint, bigint>();
  /** How often an event was begun by itself. */
  readonly begun = new Map<bigint, number>();
  /** Something is to be committed. */
  changed = false;
  #next: bigint;
  /** Below this offset, what is not done had been begun when it was last committed by the owner before. */
  #begunBelow: bigint;
  #againBelow: bigint;
  #suspectsBelow: bigint;
  /** Below this offset, this process may have begun what is not done. */
  #begunHere = 0n;
  #entries: Entry[] = [];
  /** Where in {@link #entries} the first one is that is not done: those before it are taken out many at a time. */
  #first = 0;
  readonly #open = new Map<bigint, Entry>();
  readonly #doneBefore = new Set<bigint>();

  /** @param metadata What was committed beside the offset. What cannot be read counts for nothing. */
  constructor(offset: bigint, metadata = '') {
    this.#next = offset;
    this.#begunBelow = offset;
    this.#suspectsBelow = offset;
    if (metadata !== '') this.#restore(offset, metadata);
    this.#againBelow = this.#begunBelow;
  }

  /** Where to read on. */
  get next(): bigint {
    return this.#next;
  }

  /** The first offset that is not done. */
  get watermark(): bigint {
    return this.#entries[this.#first]?.offset ?? this.#next;
  }

  /** Entries that are not committed yet: those that are not done, and those behind them. */
  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** A record has come. @returns Whether there is anything to do with it. */
  take(offset: bigint): boolean {
    if (offset < this.#next) return false;
    const done = this.#doneBefore.delete(offset);
    const entry = { offset, done };
    this.#entries.push(entry);
    if (!done) this.#open.set(offset, entry);
    this.#next = offset + 1n;
    return !done;
  }

  /** All records up to here have come. */
  pass(next: bigint): void {
    if (next > this.#next) this.#next = next;
    this.#advance();
  }

  /** Whether this record may have been begun before this process had it. */
  mayHaveBegun(offset: bigint): boolean {
    return offset < this.#againBelow;
  }

  /** How often processes died with it, as far as it may have been the cause. */
  deathsWith(offset: bigint): number {
    return offset < this.#suspectsBelow ? this.crashes : 0;
  }

  /** A handler of it is about to run. */
  begin(offset: bigint): void {
    if (offset >= this.#begunHere) this.#begunHere = offset + 1n;
  }

  /** Before this process begins anything. @param end What was stored by now may be what killed the one before. */
  adopt(end: bigint): void {
    if (this.crashes > 0) {
      const suspects = BigInt(Math.min(FIRST_SUSPECTS * 4 ** (this.crashes - 1), Number.MAX_SAFE_INTEGER));
      this.#againBelow = least(end, this.#begunBelow + MOST_BEGUN);
      this.#suspectsBelow = least(end, this.#begunBelow + suspects);
    }
    this.changed = true;
  }

  done(offset: bigint): void {
    const entry = this.#open.get(offset);
    if (entry === undefined) return;
    entry.done = true;
    this.#open.delete(offset);
    this.held.delete(offset);
    this.begun.delete(offset);
    this.#advance();
    this.changed = true;
  }

  /**
   * What to store.
   *
   * @param over This process has let go of the partition: nothing of it runs any more.
   */
  metadata(over: boolean): string {
    const { watermark } = this;
    const begunBelow = this.#begunHere > this.#begunBelow ? this.#begunHere : this.#begunBelow;
    const stored: Stored = {
      ...(!over && { b: 1 as const }),
      ...(this.crashes > 0 && !over && watermark < this.#suspectsBelow && { c: this.crashes }),
      ...(begunBelow > watermark && { u: Number(begunBelow - watermark) }),
      ...(this.held.size > 0 && { h: relative(this.held, watermark, String) }),
      ...(this.begun.size > 0 && { n: relative(this.begun, watermark, Number) }),
    };
    const text = JSON.stringify(stored);
    const done = this.#runs(Math.min(MOST_DONE, MOST_TEXT - text.length - 10));
    return done === '' ? text : JSON.stringify({ ...stored, d: done });
  }

  #advance(): void {
    while (this.#first < this.#entries.length && this.#entries[this.#first]!.done) this.#first++;
    if (this.#first > 0 && this.#first >= this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    if (this.crashes > 0 && this.watermark >= this.#suspectsBelow) this.crashes = 0;
  }

  #runs(room: number): string {
    const runs: string[] = [];
    let at = this.watermark;
    let length = 0;
    for (let i = this.#first; i < this.#entries.length; i++) {
      if (!this.#entries[i]!.done) continue;
      const first = this.#entries[i]!.offset;
      let last = first;
      while (this.#entries[i + 1]?.done === true) last = this.#entries[++i]!.offset;
      const run = `${(first - at).toString(36)}${last > first ? `+${(last - first).toString(36)}` : ''}`;
      length += run.length + 1;
      if (length > room) break;
      runs.push(run);
      at = last;
    }
    return runs.join(',');
  }

  #restore(offset: bigint, metadata: string): void {
    let stored: Stored;
    try {
      stored = JSON.parse(metadata) as Stored;
    } catch {
      return; // somebody committed by other means
    }
    const { d = '', u = 0, c = 0, b, h = {}, n = {} } = stored;
    this.crashes = b === 1 ? c + 1 : 0;
    this.#begunBelow = offset + BigInt(u);
    for (const [distance, at] of Object.entries(h)) this.held.set(offset + BigInt(distance), BigInt(at));
    for (const [distance, times] of Object.entries(n)) this.begun.set(offset + BigInt(distance), times);
    let at = offset;
    for (const run of d === '' ? [] : d.split(',')) {
      const [gap, more = '0'] = run.split('+');
      const first = at + BigInt(parseInt(gap!, 36));
      at = first + BigInt(parseInt(more, 36));
      for (let each = first; each <= at; each++) this.#doneBefore.add(each);
    }
  }
}

function relative<V, T>(map: ReadonlyMap<bigint, V>, to: bigint, as: (value: V) => T): Record<string, T> {
  return Object.fromEntries([...map].map(([offset, value]) => [String(offset - to), as(value)]));
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
