import type { Event } from '../../event.js';
import { eventOf, type Item } from './job.js';

/** The events that were here at one moment, until the last of them is handled. */
export class Present {
  readonly #open = new Map<Event, number>();
  #resolve!: () => void;
  /** Resolves when all of them are handled, retries included. */
  readonly handled = new Promise<void>((resolve) => (this.#resolve = resolve));

  /** @param items Deliveries that wait or run; an event may have several. */
  constructor(items: Iterable<Item>) {
    for (const item of items) {
      const event = eventOf(item);
      this.#open.set(event, (this.#open.get(event) ?? 0) + 1);
    }
    this.#check();
  }

  /** A delivery of the event ended, and so many follow it. */
  settled(event: Event, retries: number): void {
    const open = this.#open.get(event);
    if (open === undefined) return; // it came later
    const left = open - 1 + retries;
    if (left > 0) this.#open.set(event, left);
    else this.#open.delete(event);
    this.#check();
  }

  #check(): void {
    if (this.#open.size === 0) this.#resolve();
  }
}
