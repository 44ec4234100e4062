import type { Event } from '../../event.js';
import type { PublishReceipt } from '../backend.js';

const DUPLICATE: PublishReceipt = Object.freeze({ duplicate: true });

/** Remembers for a while, and within a bound, which events were accepted: those with an id of the emitter's own. */
export class Deduplication {
  /** When each is forgotten, in milliseconds of `performance.now()`; the oldest come first. */
  readonly #accepted = new Map<string, number>();
  readonly #underWay = new Map<string, Promise<unknown>>();

  /** @param limit How many are remembered; then the oldest is forgotten. */
  constructor(
    private readonly ms: number,
    private readonly limit: number,
  ) {}

  /**
   * Accepts an event unless it is known. What is refused is not known, and may come again.
   *
   * @param delayMs How long it is held back: it is known for as long at least.
   */
  async once(
    event: Event,
    delayMs: number,
    accept: () => Promise<PublishReceipt | void>,
  ): Promise<PublishReceipt | void> {
    const name = nameOf(event);
    // One that is waiting for room may still be refused.
    while (this.#underWay.has(name)) await this.#underWay.get(name);
    if (this.#knows(name)) return DUPLICATE;
    const accepting = accept();
    this.#underWay.set(
      name,
      accepting.catch(() => undefined),
    );
    try {
      await accepting;
      this.#remember(name, performance.now() + Math.max(this.ms, delayMs));
    } finally {
      this.#underWay.delete(name);
    }
  }

  /** Lets its id be used again. */
  forget(event: Event): void {
    this.#accepted.delete(nameOf(event));
  }

  #knows(name: string): boolean {
    return (this.#accepted.get(name) ?? -Infinity) > performance.now();
  }

  #remember(name: string, until: number): void {
    this.#accepted.delete(name);
    this.#accepted.set(name, until);
    const now = performance.now();
    for (const [oldest, end] of this.#accepted) {
      if (end > now && this.#accepted.size <= this.limit) break;
      this.#accepted.delete(oldest);
    }
  }
}

/** Ids are unique within a source only. */
function nameOf({ source, id }: Event): string {
  return JSON.stringify([source, id]);
}
