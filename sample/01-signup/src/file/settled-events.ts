import type { EventBus } from 'nestjs-durable-events';

/** Counts the events that are over in this process: every handler succeeded or gave up. */
export class SettledEvents {
  count = 0;
  /** Deliveries that an event still waits for: retries, and what a shutdown interrupted. */
  readonly #open = new Map<string, number>();

  constructor(bus: EventBus) {
    bus.observe({
      dispatched: ({ id }, { retries, released }) => this.#dispatched(id, retries.length + released.length),
    });
  }

  #dispatched(id: string, toCome: number): void {
    const open = (this.#open.get(id) ?? 1) - 1 + toCome;
    if (open > 0) this.#open.set(id, open);
    else {
      this.#open.delete(id);
      this.count++;
    }
  }
}
