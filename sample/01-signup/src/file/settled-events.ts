import type { EventBus } from 'nestjs-durable-events';

/** Counts the events that are over in this process: every handler succeeded or gave up. */
export class SettledEvents {
  count = 0;
  /** Retries that an event still waits for. */
  readonly #open = new Map<string, number>();

  constructor(bus: EventBus) {
    bus.observe({ dispatched: ({ id }, { retries }) => this.#dispatched(id, retries.length) });
  }

  #dispatched(id: string, retries: number): void {
    const before = this.#open.get(id);
    const open = before === undefined ? retries : before - 1 + retries;
    if (open > 0) this.#open.set(id, open);
    else {
      this.#open.delete(id);
      this.count++;
    }
  }
}
