import { after } from '../../timer.js';

/** Holds items back for a time each. */
export class Timers<T> {
  readonly #held = new Set<{ item: T; cancel: () => void }>();

  get size(): number {
    return this.#held.size;
  }

  /** Hands `item` to `due` after `ms` milliseconds. */
  add(item: T, ms: number, due: (item: T) => void): void {
    const run = () => {
      this.#held.delete(entry);
      due(item);
    };
    const entry = { item, cancel: after(ms, run) };
    this.#held.add(entry);
  }

  /** Everything that is held back. */
  *items(): Generator<T> {
    for (const { item } of this.#held) yield item;
  }

  /** Calls off the first item that fits, and returns it. */
  take(fits: (item: T) => boolean): T | undefined {
    for (const entry of this.#held) {
      if (!fits(entry.item)) continue;
      this.#held.delete(entry);
      entry.cancel();
      return entry.item;
    }
    return undefined;
  }

  /** Calls all off and returns what they held. */
  clear(): T[] {
    const held = [...this.#held];
    this.#held.clear();
    for (const { cancel } of held) cancel();
    return held.map(({ item }) => item);
  }
}
