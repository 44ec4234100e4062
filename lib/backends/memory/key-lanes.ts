import { laneOf, type Item } from './job.js';
import { RingBuffer } from './ring-buffer.js';

interface Lane {
  /** Deliveries of the event at its head that are queued, running or waiting for a retry. */
  open: number;
  readonly behind: RingBuffer<Item>;
}

/** Lets one event of a key through at a time. The next one waits until all handlers are done with the one before. */
export class KeyLanes {
  /** Items held back. */
  waiting = 0;
  readonly #lanes = new Map<string, Lane>();

  /** @returns Whether the item may go on; otherwise it waits here. */
  enter(key: string, item: Item): boolean {
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      this.#lanes.set(key, { open: 1, behind: new RingBuffer() });
      return true;
    }
    lane.behind.push(item);
    this.waiting++;
    return false;
  }

  /**
   * A delivery ended.
   *
   * @param retries How many deliveries of the same event follow it.
   * @returns The item that may go on now.
   */
  leave(item: Item, retries: number): Item | undefined {
    const key = laneOf(item);
    if (key === undefined) return undefined;
    const lane = this.#lanes.get(key);
    if (lane === undefined) return undefined; // closed meanwhile
    lane.open += retries - 1;
    if (lane.open > 0) return undefined;
    const next = lane.behind.shift();
    if (next === undefined) {
      this.#lanes.delete(key);
    } else {
      lane.open = 1;
      this.waiting--;
    }
    return next;
  }

  /** Everything that is held back. */
  *items(): Generator<Item> {
    for (const { behind } of this.#lanes.values()) yield* behind;
  }

  /** Takes out everything that is held back. */
  clear(): Item[] {
    const items = [...this.#lanes.values()].flatMap(({ behind }) => behind.clear());
    this.#lanes.clear();
    this.waiting = 0;
    return items;
  }
}
