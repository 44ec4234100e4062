const SMALLEST = 16;

/** A first-in, first-out queue without an allocation per item. Grows by doubling and keeps what it grew to. */
export class RingBuffer<T> {
  #slots = emptySlots<T>(SMALLEST);
  #mask = SMALLEST - 1;
  #head = 0;
  #tail = 0;

  get length(): number {
    return this.#tail - this.#head;
  }

  push(item: T): void {
    if (this.#tail - this.#head > this.#mask) this.#grow();
    this.#slots[this.#tail++ & this.#mask] = item;
  }

  /** Takes the oldest item out; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.#head === this.#tail) return undefined;
    const at = this.#head++ & this.#mask;
    const item = this.#slots[at];
    this.#slots[at] = undefined; // what was handled must not be kept alive by its place
    return item;
  }

  /** Everything that is in it, oldest first. */
  *[Symbol.iterator](): Generator<T> {
    for (let at = this.#head; at < this.#tail; at++) yield this.#slots[at & this.#mask]!;
  }

  /** Takes everything out, oldest first. */
  clear(): T[] {
    const items: T[] = [];
    while (this.length > 0) items.push(this.shift()!);
    return items;
  }

  #grow(): void {
    const items = this.clear();
    this.#mask = items.length * 2 - 1;
    this.#slots = emptySlots(items.length * 2);
    this.#head = this.#tail = 0;
    for (const item of items) this.push(item);
  }
}

function emptySlots<T>(count: number): (T | undefined)[] {
  return Array.from({ length: count });
}
