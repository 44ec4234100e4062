import {
  type BackendCapabilities,
  type Delivery,
  type DispatchOutcome,
  Event,
  type EventBackend,
  type EventDispatcher,
  MemoryDeadLetterStore,
  type PublishOptions,
} from 'nestjs-durable-events';

/** Acts on outcomes in the plainest way there is. */
export class PlainBackend implements EventBackend {
  readonly name = 'plain';
  readonly capabilities: BackendCapabilities = { redelivery: true, delay: true };
  readonly deadLetters = new MemoryDeadLetterStore();
  /** Says which events are not to be delivered. */
  unroutable: (event: Event) => boolean = () => false;
  /** Deliveries under way. */
  protected readonly running = new Set<Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #waiting: (() => void)[] | undefined = [];
  #dispatch: EventDispatcher | undefined;

  publish(event: Event, { delayMs = 0 }: PublishOptions = {}): Promise<void> {
    if (this.unroutable(event)) return Promise.resolve();
    this.schedule(event, undefined, delayMs);
    return Promise.resolve();
  }

  subscribe(dispatch: EventDispatcher): Promise<void> {
    this.#dispatch = dispatch;
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const run of waiting) run();
    return Promise.resolve();
  }

  redeliver(event: Event, delivery: Delivery): Promise<void> {
    this.schedule(event, delivery, 0);
    return Promise.resolve();
  }

  close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    return Promise.resolve();
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  protected schedule(event: Event, delivery: Delivery | undefined, delayMs: number): void {
    if (delayMs === 0) return this.deliver(event, delivery);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.deliver(event, delivery);
    }, delayMs);
    this.#timers.add(timer);
  }

  protected deliver(event: Event, delivery?: Delivery): void {
    if (this.#waiting !== undefined) return void this.#waiting.push(() => this.deliver(event, delivery));
    const handled = this.#dispatch!(event, delivery).then((outcome) => this.settle(event, outcome));
    this.running.add(handled);
    void handled.then(() => this.running.delete(handled));
  }

  protected settle(event: Event, outcome: DispatchOutcome): void {
    void this.deadLetters.add(outcome.deadLetters);
    for (const id of outcome.resolved) void this.deadLetters.transition(id, 'retrying', 'resolved');
    for (const { delayMs, ...retry } of outcome.retries) {
      this.schedule(event, { ...retry, redelivered: true }, delayMs);
    }
  }
}
