import { AssertionError } from 'node:assert/strict';
import {
  type Delivery,
  type DispatchOutcome,
  type Event,
  type EventDispatcher,
  type PublishOptions,
} from 'nestjs-durable-events';
import { PlainBackend } from '../plain-backend.js';
import { type Mistake, NEVER } from './altered.js';

/** Mistakes in one method of a backend that is right otherwise. */
export const PLAIN_MISTAKES: Readonly<Record<string, Mistake>> = {
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
    fails: [
      'loses nothing that was accepted before it closed, and accepts nothing after it',
      'loses nothing that it confirms while it closes',
    ],
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
  'declares what is not tested': {
    make: () =>
      new (class extends PlainBackend {
        override readonly capabilities = { redelivery: true, delay: true, durable: true };
      })(),
    held: { redelivery: true, delay: true },
    fails: 'is held to what it declares',
  },
  'makes ids fit for its broker, and never takes that back': {
    make: () =>
      new (class extends PlainBackend {
        override publish(event: Event): Promise<void> {
          const { id, ...rest } = event.toJSON();
          return super.publish({ ...rest, id: id.replace(/\W/g, '-') } as unknown as Event);
        }
      })(),
    fails: 'leaves names, ids, keys and sources as they are, whatever characters they have',
  },
  'has two schedulers that do not know of each other': {
    make: () =>
      new (class extends PlainBackend {
        override async publish(event: Event, options: PublishOptions = {}): Promise<void> {
          await super.publish(event, options);
          if (options.delayMs !== undefined) await super.publish(event, options);
        }
      })(),
    fails:
      'delivers each of many events that are due at once one time, though several instances look for them',
  },
  'loses the cause of a failure': {
    make: () =>
      new (class extends PlainBackend {
        protected override settle(event: Event, outcome: DispatchOutcome): void {
          const deadLetters = outcome.deadLetters.map((letter) => ({
            ...letter,
            attempts: letter.attempts.map(({ error, ...attempt }) => ({
              ...attempt,
              error: { ...error, cause: undefined },
            })),
          }));
          super.settle(event, { ...outcome, deadLetters });
        }
      })(),
    fails: 'keep everything needed to find out why and to try again',
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
    held: { redelivery: true, delay: true },
    fails: 'declares what it is held to',
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
