import { AsyncResource } from 'node:async_hooks';
// Not the global, so that the fake timers of a test do not stop the queue.
import { setImmediate } from 'node:timers';
import { HANDLED, HANDLED_NOW, type DispatchOutcome } from '../backend.js';
import type { Item } from './job.js';
import { RingBuffer } from './ring-buffer.js';

/** Deliveries started before timers and sockets get a turn, however fast the handlers are. */
const DELIVERIES_PER_TURN = 200;

/** What a pool works for. */
export interface WorkerPoolHost {
  deliver(item: Item): Promise<DispatchOutcome>;
  /** The delivery ended and its worker is free again. */
  settled(item: Item, outcome: DispatchOutcome): void;
  /** The delivery broke, which the dispatcher promises not to do. */
  crashed(item: Item, thrown: unknown): void;
}

/** Delivers queued items in order, at most `size` at a time. */
export class WorkerPool {
  running = 0;
  #started = false;
  #turnRequested = false;
  #left = 0;
  readonly #queue = new RingBuffer<Item>();
  readonly #resting: Worker[] = [];
  /** As many as were ever needed at once. */
  readonly #workers: Worker[] = [];
  /** Handlers run in the context of whoever made the pool, never in that of the request that emitted an event. */
  readonly #context = new AsyncResource('nestjs-durable-events:MemoryBackend');

  constructor(
    private readonly size: number,
    private readonly host: WorkerPoolHost,
  ) {}

  get queued(): number {
    return this.#queue.length;
  }

  /** Workers that have nothing to do. None before `start`. */
  get free(): number {
    return this.#started ? this.size - this.running : 0;
  }

  start(): void {
    this.#started = true;
    this.#requestTurn();
  }

  push(item: Item): void {
    this.#queue.push(item);
    if (this.running < this.size) this.#requestTurn();
  }

  /** Everything that is queued or running. */
  *items(): Generator<Item> {
    for (const { item } of this.#workers) if (item !== undefined) yield item;
    yield* this.#queue;
  }

  /** Takes out everything that is queued. What is running goes on. */
  clear(): Item[] {
    return this.#queue.clear();
  }

  /** Deliveries begin in a turn of their own, so that whoever emits never waits behind handlers. */
  #requestTurn(): void {
    if (this.#turnRequested || !this.#started) return;
    this.#turnRequested = true;
    setImmediate(this.#takeTurn);
  }

  readonly #takeTurn = (): void => {
    this.#turnRequested = false;
    this.#left = DELIVERIES_PER_TURN;
    this.#context.runInAsyncScope(this.#deliverMany);
  };

  readonly #deliverMany = (): void => {
    while (this.running < this.size && this.#queue.length > 0) {
      if (this.#left-- <= 0) return this.#requestTurn();
      const item = this.#queue.shift()!;
      const outcome = this.host.deliver(item);
      if (outcome === HANDLED_NOW) {
        this.host.settled(item, HANDLED);
      } else {
        this.running++;
        const worker = this.#resting.pop() ?? this.#hire();
        worker.watch(item, outcome);
      }
    }
  };

  readonly #finished = (worker: Worker, item: Item, outcome: DispatchOutcome): void => {
    this.#rest(worker);
    this.host.settled(item, outcome);
    this.#deliverMany();
  };

  readonly #crashed = (worker: Worker, item: Item, thrown: unknown): void => {
    this.#rest(worker);
    this.host.crashed(item, thrown);
    this.#deliverMany();
  };

  #hire(): Worker {
    const worker = new Worker(this.#finished, this.#crashed);
    this.#workers.push(worker);
    return worker;
  }

  #rest(worker: Worker): void {
    this.running--;
    this.#resting.push(worker);
  }
}

/** Waits for one delivery after the other with the same two callbacks, so that none has to be made per event. */
class Worker {
  /** What it waits for. */
  item: Item | undefined;

  constructor(
    private readonly finished: (worker: Worker, item: Item, outcome: DispatchOutcome) => void,
    private readonly crashed: (worker: Worker, item: Item, thrown: unknown) => void,
  ) {}

  watch(item: Item, outcome: Promise<DispatchOutcome>): void {
    this.item = item;
    void outcome.then(this.#onOutcome, this.#onCrash);
  }

  readonly #onOutcome = (outcome: DispatchOutcome): void => this.finished(this, this.#take(), outcome);

  readonly #onCrash = (thrown: unknown): void => this.crashed(this, this.#take(), thrown);

  #take(): Item {
    const item = this.item!;
    this.item = undefined;
    return item;
  }
}
