import type { DispatchOutcome } from '../backend.js';
import { laneOf, type Item } from './job.js';
import { KeyLanes } from './key-lanes.js';
import { WaitingLine } from './waiting-line.js';
import { WorkerPool } from './worker-pool.js';

/** What a queue works for. */
export interface MemoryQueueHost {
  deliver(item: Item): Promise<DispatchOutcome>;
  /** @returns How many further deliveries of the same event its key waits for. */
  settled(item: Item, outcome: DispatchOutcome): number;
  /** The delivery broke, which the dispatcher promises not to do. */
  crashed(item: Item, thrown: unknown): void;
}

/** Events that are due: a bounded queue with a lane for each key, and the workers behind it. */
export class MemoryQueue {
  readonly #pool: WorkerPool;
  readonly #lanes = new KeyLanes();
  readonly #line = new WaitingLine(() => this.hasRoom());

  constructor(
    workers: number,
    private readonly limit: number,
    private readonly host: MemoryQueueHost,
  ) {
    this.#pool = new WorkerPool(workers, {
      deliver: (item) => host.deliver(item),
      settled: (item, outcome) => this.#settled(item, outcome),
      crashed: (item, thrown) => this.#crashed(item, thrown),
    });
  }

  get queued(): number {
    return this.#pool.queued + this.#lanes.waiting;
  }

  get running(): number {
    return this.#pool.running;
  }

  isIdle(): boolean {
    return this.queued + this.running + this.#line.length === 0;
  }

  /** What a free worker is about to take does not count: 10 workers and a queue of 1000 take a burst of 1010. */
  hasRoom(): boolean {
    return Math.max(0, this.#pool.queued - this.#pool.free) + this.#lanes.waiting < this.limit;
  }

  /** Whether something new may enter right now, without overtaking anybody who waits. */
  isOpen(): boolean {
    return this.#line.isOpen();
  }

  start(): void {
    this.#pool.start();
    this.#line.advance();
  }

  /** Takes an item in, full or not. */
  push(item: Item): void {
    const key = laneOf(item);
    if (key === undefined || this.#lanes.enter(key, item)) this.#pool.push(item);
  }

  /** Takes an item in when there is room. */
  pushLater(item: Item): Promise<void> {
    return this.#line.join(item, () => this.push(item));
  }

  /** Takes the retry of an event that still is at the head of its key's lane, or in none. */
  pushRetry(item: Item): void {
    this.#pool.push(item);
  }

  /** Everything that was taken in and is not handled. */
  *items(): Generator<Item> {
    yield* this.#pool.items();
    yield* this.#lanes.items();
  }

  /** Takes out everything that has not begun. Who waits for room is refused. */
  clear(refusal: (item: Item) => Error): Item[] {
    this.#line.refuse(refusal);
    return [...this.#pool.clear(), ...this.#lanes.clear()];
  }

  #settled(item: Item, outcome: DispatchOutcome): void {
    this.#moveOn(item, this.host.settled(item, outcome));
  }

  #crashed(item: Item, thrown: unknown): void {
    this.host.crashed(item, thrown);
    this.#moveOn(item, 0);
  }

  #moveOn(item: Item, retries: number): void {
    const next = this.#lanes.leave(item, retries);
    if (next !== undefined) this.#pool.push(next);
    this.#line.advance();
  }
}
