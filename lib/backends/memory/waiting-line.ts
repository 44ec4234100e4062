import type { Item } from './job.js';
import { RingBuffer } from './ring-buffer.js';

interface Waiting {
  readonly item: Item;
  readonly enter: () => void;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Emitters that wait, first come first served, until there is room for what they bring. */
export class WaitingLine {
  readonly #waiting = new RingBuffer<Waiting>();

  constructor(private readonly hasRoom: () => boolean) {}

  get length(): number {
    return this.#waiting.length;
  }

  /** Whether something new may enter right now, without overtaking anybody. */
  isOpen(): boolean {
    return this.#waiting.length === 0 && this.hasRoom();
  }

  /** Resolves once there was room and `enter` has put the item in its place. */
  join(item: Item, enter: () => void): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ item, enter, resolve, reject }));
  }

  /** To be called whenever there may be room. */
  advance(): void {
    while (this.#waiting.length > 0 && this.hasRoom()) {
      const { enter, resolve } = this.#waiting.shift()!;
      enter();
      resolve();
    }
  }

  /** Sends everybody away. */
  refuse(errorFor: (item: Item) => Error): void {
    for (const { item, reject } of this.#waiting.clear()) reject(errorFor(item));
  }
}
