import { AssertionError } from 'node:assert/strict';
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

/** Acts on outcomes in the plainest way there is. What is broken on purpose differs from it in one method. */
export class PlainBackend implements EventBackend {
  readonly name = 'plain';
  readonly capabilities: BackendCapabilities = { redelivery: true, delay: true };
  readonly deadLetters = new MemoryDeadLetterStore();
  readonly #timers = new Set<NodeJS.Timeout>();
  #waiting: (() => void)[] | undefined = [];
  #dispatch: EventDispatcher | undefined;

  publish(event: Event, { delayMs = 0 }: PublishOptions = {}): Promise<void> {
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
    void this.#dispatch!(event, delivery).then((outcome) => this.settle(event, outcome));
  }

  protected settle(event: Event, outcome: DispatchOutcome): void {
    void this.deadLetters.add(outcome.deadLetters);
    for (const id of outcome.resolved) void this.deadLetters.transition(id, 'retrying', 'resolved');
    for (const { delayMs, ...retry } of outcome.retries) {
      this.schedule(event, { ...retry, redelivered: true }, delayMs);
    }
  }
}

const NEVER = new Promise<void>(() => undefined);

/** Mistakes that backends make, and a case of the kit that each must fail. */
export const MISTAKES: Readonly<Record<string, { make: () => EventBackend; fails: string }>> = {
  'acknowledges what failed': {
    make: () =>
      new (class extends PlainBackend {
        protected override settle(): void {}
      })(),
    fails: 'tries exactly as often as the policy says, and counts the tries from 1',
  },
  'throws dead letters away': {
    make: () =>
      new (class extends PlainBackend {
        protected override settle(event: Event, outcome: DispatchOutcome): void {
          super.settle(event, { ...outcome, deadLetters: [] });
        }
      })(),
    fails: 'keep everything needed to find out why and to try again',
  },
  'runs handlers again that had succeeded': {
    make: () =>
      new (class extends PlainBackend {
        protected override schedule(event: Event, delivery: Delivery | undefined, delayMs: number): void {
          super.schedule(event, delivery && { ...delivery, handlerId: '*' }, delayMs);
        }
      })(),
    fails: 'retries the second of three handlers without running the first and the third again',
  },
  'forgets the number of the try': {
    make: () =>
      new (class extends PlainBackend {
        protected override schedule(event: Event, delivery: Delivery | undefined, delayMs: number): void {
          super.schedule(event, delivery && { ...delivery, attempt: 1 }, delayMs);
        }
      })(),
    fails: 'tries exactly as often as the policy says, and counts the tries from 1',
  },
  'forgets earlier failures': {
    make: () =>
      new (class extends PlainBackend {
        protected override schedule(event: Event, delivery: Delivery | undefined, delayMs: number): void {
          super.schedule(event, delivery && { ...delivery, attempts: [] }, delayMs);
        }
      })(),
    fails: 'come back under the same id with their whole history when a retry fails, too',
  },
  'does not wait for the backoff': {
    make: () =>
      new (class extends PlainBackend {
        protected override schedule(event: Event, delivery: Delivery | undefined): void {
          super.schedule(event, delivery, 0);
        }
      })(),
    fails: 'waits as long as the backoff says, and not much longer',
  },
  'does not wait for a delayed event': {
    make: () =>
      new (class extends PlainBackend {
        override publish(event: Event): Promise<void> {
          return super.publish(event);
        }
      })(),
    fails: 'delivers a delayed event when it is due, not before, and once',
  },
  'never resolves a retried dead letter': {
    make: () =>
      new (class extends PlainBackend {
        protected override settle(event: Event, outcome: DispatchOutcome): void {
          super.settle(event, { ...outcome, resolved: [] });
        }
      })(),
    fails: 'are retried by the handler that failed and no other, and are settled by a success',
  },
  'delivers twice': {
    make: () =>
      new (class extends PlainBackend {
        protected override deliver(event: Event, delivery?: Delivery): void {
          super.deliver(event, delivery);
          super.deliver(event, delivery);
        }
      })(),
    fails: 'gives every handler of an event the event once',
  },
  'gives an event to one of its handlers': {
    make: () =>
      new (class extends PlainBackend {
        protected override deliver(event: Event, delivery?: Delivery): void {
          super.deliver(event, { handlerId: 'a', ...delivery });
        }
      })(),
    fails: 'gives every handler of an event the event once',
  },
  'drops what comes before subscribe': {
    make: () =>
      new (class extends PlainBackend {
        #subscribed = false;
        override publish(event: Event): Promise<void> {
          return this.#subscribed ? super.publish(event) : Promise.resolve();
        }
        override subscribe(dispatch: EventDispatcher): Promise<void> {
          this.#subscribed = true;
          return super.subscribe(dispatch);
        }
      })(),
    fails: 'delivers what was published before anybody subscribed',
  },
  'confirms before it has the event, and loses it when it closes': {
    make: () =>
      new (class extends PlainBackend {
        #closed = false;
        override publish(event: Event): Promise<void> {
          setTimeout(() => void (this.#closed || super.publish(event)), 5);
          return Promise.resolve();
        }
        override close(): Promise<void> {
          this.#closed = true;
          return super.close();
        }
      })(),
    fails: 'loses nothing that was accepted before close(), and accepts nothing after it',
  },
  'changes text that is not ASCII': {
    make: () =>
      new (class extends PlainBackend {
        override publish(event: Event): Promise<void> {
          const json = JSON.stringify(event).replace(/[^\x20-\x7e]/g, '?');
          return super.publish(JSON.parse(json) as Event);
        }
      })(),
    fails: 'leaves payloads as they are, whatever they are',
  },
  'loses part of the envelope': {
    make: () =>
      new (class extends PlainBackend {
        override publish({ id, type, data, createdAt, source, version }: Event): Promise<void> {
          return super.publish({ id, type, data, createdAt, source, version } as Event);
        }
      })(),
    fails: 'brings a hundred events to their handler with every part of the envelope',
  },
  'handles one event at a time': {
    make: () =>
      new (class extends PlainBackend {
        #last = Promise.resolve();
        #settled: () => void = () => undefined;
        protected override deliver(event: Event, delivery?: Delivery): void {
          const turn = this.#last;
          this.#last = new Promise((resolve) => {
            void turn.then(() => {
              this.#settled = resolve;
              super.deliver(event, delivery);
            });
          });
        }
        protected override settle(event: Event, outcome: DispatchOutcome): void {
          super.settle(event, outcome);
          this.#settled();
        }
      })(),
    fails: 'goes on with other events while one handler hangs',
  },
  'handles more events at once than it says': {
    make: () => new PlainBackend(),
    fails: 'handles as many events at once as it says, and no more',
  },
  'promises an order that it does not keep': {
    make: () =>
      new (class extends PlainBackend {
        override readonly capabilities = { redelivery: true, delay: true, ordering: true };
      })(),
    fails: 'keeps the order of a key while one of its events is retried',
  },
  'does not declare what it is held to': {
    make: () =>
      new (class extends PlainBackend {
        override readonly capabilities = { redelivery: true };
      })(),
    fails: 'names itself, and declares what it is held to',
  },
  'rejects when it is closed': {
    make: () =>
      new (class extends PlainBackend {
        override close(): Promise<void> {
          return Promise.reject(new AssertionError({ message: 'close() rejected' }));
        }
      })(),
    fails: 'does not lose the first event after the start',
  },
  'does not come back from a second close()': {
    make: () =>
      new (class extends PlainBackend {
        #closed = false;
        override close(): Promise<void> {
          if (this.#closed) return NEVER;
          this.#closed = true;
          return super.close();
        }
      })(),
    fails: 'does not lose the first event after the start',
  },
};
