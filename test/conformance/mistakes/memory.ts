import {
  encodeEvent,
  type Event,
  type EventBackend,
  EventTooLargeError,
  HANDLED,
  MemoryBackend,
} from 'nestjs-durable-events';
import { altered, delivering, dispatching, type Mistake, NEVER, sleep } from './altered.js';

const MAX_BYTES = 10_000;
const LEASE_MS = 100;
export const MEMORY_LIMITS = { maxEventBytes: MAX_BYTES, leaseMs: LEASE_MS };

/** Mistakes about order, leases and size. */
export const MEMORY_MISTAKES: Readonly<Record<string, Mistake>> = {
  'lets go of an event before it is handled': {
    make: () =>
      dispatching(new MemoryBackend(), async (event, delivery, dispatch) => {
        void dispatch(event, delivery);
        return HANDLED;
      }),
    fails: 'handles events of one key in order and one at a time, others beside them',
  },
  'holds everything up while one key waits': {
    make: () => {
      let last: Promise<unknown> = Promise.resolve();
      return dispatching(new MemoryBackend(), (event, delivery, dispatch) => {
        const run = async () => {
          let outcome = await dispatch(event, delivery);
          for (let [next] = outcome.retries; next !== undefined; [next] = outcome.retries) {
            await sleep(next.delayMs);
            outcome = await dispatch(event, { ...next, redelivered: true });
          }
          return outcome;
        };
        const mine = last.then(run);
        last = mine;
        return mine;
      });
    },
    fails: 'goes on with other keys, and with events that have none, while one key waits for a retry',
    says: /25 events beside it/,
  },
  'never goes on with a key after a dead letter': {
    make: () =>
      dispatching(new MemoryBackend(), async (event, delivery, dispatch) => {
        const outcome = await dispatch(event, delivery);
        return outcome.deadLetters.length > 0 && event.key !== undefined ? NEVER : outcome;
      }),
    fails: 'goes on with a key when one of its events has become a dead letter',
    says: /the third event/,
  },
  'retries all handlers of an event that holds up its key': {
    make: () => delivering(new MemoryBackend(), (delivery) => ({ ...delivery, handlerId: '*' })),
    fails: 'does not run handlers again that had succeeded when a key was held up by another',
  },
  'holds a key up though it was told to skip': {
    make: () => withKeyFailure('block-key'),
    fails: `does not hold a key up under onFailure 'skip', and retries out of order`,
  },
  'skips though it was told to hold the key up': {
    make: () => withKeyFailure('skip'),
    fails: 'keeps the order of a key while one of its events is retried',
  },
  'does not renew its leases': {
    make: () =>
      dispatching(new MemoryBackend(), (event, delivery, dispatch) => {
        const again = setTimeout(() => void dispatch(event, { ...delivery, redelivered: true }), LEASE_MS);
        return dispatch(event, delivery).finally(() => clearTimeout(again));
      }),
    fails: [
      'runs a handler once that takes four times the lease',
      'are written once their store works again',
    ],
  },
  'takes larger events than it says': {
    make: () => limited(() => false),
    fails: 'takes an event of the largest size, and refuses one with a byte more with an EventTooLargeError',
    says: /Missing expected rejection/,
  },
  'counts characters instead of bytes': {
    make: () => limited((event) => sizeOf(event, (text) => text.length) > MAX_BYTES),
    fails: 'takes an event of the largest size, and refuses one with a byte more with an EventTooLargeError',
  },
  'refuses a whole batch for one event that is too large': {
    make: () => {
      const backend = limited((event) => sizeOf(event) > MAX_BYTES);
      return altered<EventBackend>(backend, {
        publishBatch: async (entries) => {
          const error = new EventTooLargeError('Something in it is too large.');
          if (entries.some(({ event }) => sizeOf(event) > MAX_BYTES)) return entries.map(() => error);
          return Promise.all(entries.map(({ event }) => backend.publish(event)));
        },
      });
    },
    fails: 'refuses only the event of a batch that is too large',
  },
};

function withKeyFailure(onKeyFailure: 'block-key' | 'skip'): EventBackend {
  const inner = new MemoryBackend();
  return altered<EventBackend>(inner, { attach: (host) => inner.attach({ ...host, onKeyFailure }) });
}

function limited(isTooLarge: (event: Event) => boolean): EventBackend {
  const inner = new MemoryBackend();
  return altered<EventBackend>(inner, {
    capabilities: { ...inner.capabilities, maxEventBytes: MAX_BYTES },
    publish: (event, options) =>
      isTooLarge(event)
        ? Promise.reject(new EventTooLargeError(`Event '${event.type}' is too large.`))
        : inner.publish(event, options),
  });
}

function sizeOf(event: Event, measure: (text: string) => number = Buffer.byteLength): number {
  return measure(encodeEvent(event));
}
