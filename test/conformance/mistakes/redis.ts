import { createEvent, type EventBackend, HANDLED } from 'nestjs-durable-events';
import { RedisStreamsBackend, type RedisStreamsOptions } from 'nestjs-durable-events/redis';
import { altered, dispatching, type Mistake } from './altered.js';

export const LEASE_MS = 500;
export const CONCURRENCY = 5;

type Options = Partial<RedisStreamsOptions>;

/** Makes backends that are right, with short times. */
export function quickRedis(url: () => string): MakeRedis {
  return (context, options = {}) =>
    new RedisStreamsBackend({
      connection: url(),
      concurrency: CONCURRENCY,
      leaseMs: LEASE_MS,
      maxDeliveries: 3,
      publishTimeoutMs: 1000,
      ...context,
      ...options,
    });
}

export type MakeRedis = (context: Options, options?: Options) => RedisStreamsBackend;

/** Mistakes between the instances of a service, and between services. */
export function sharingMistakes(redis: MakeRedis): Readonly<Record<string, Mistake>> {
  let instances = 0;
  return {
    'ignores what was published before it consumes': {
      make: (context) => ignoring(redis(context), () => Date.now()),
      fails: [
        'delivers what was published before anybody subscribed',
        'delivers to a service what was published while none of its instances was up',
      ],
    },
    'says that it consumes before it does': {
      make: (context) => ignoring(redis(context), () => Date.now() + 300),
      fails: [
        'does not lose the first event after the start',
        'does not lose the first event that another service publishes right after the start',
      ],
    },
    'takes everything that it can get': {
      make: (context) => redis(context, { concurrency: 1000 }),
      fails: 'leaves to other instances what one is too busy for',
    },
    'is the same service everywhere': {
      make: ({ namespace }) => redis({ namespace, group: 'everybody' }),
      fails: 'gives every service every event',
    },
    'is a service of its own in every process': {
      make: ({ namespace }) => redis({ namespace, group: `instance-${instances++}` }),
      fails: [
        'shares the events of one service between its instances, each event to one of them',
        'loses and repeats nothing between many publishers, services and instances',
      ],
    },
    'publishes again what is to be retried': {
      make: (context) => {
        const inner = redis(context);
        return dispatching(inner, async (event, delivery, dispatch) => {
          const outcome = await dispatch(event, delivery);
          if (outcome.retries.length === 0) return outcome;
          const { type, data, id, source } = event;
          await inner.publish(createEvent(type, data, { id, source }));
          return { ...outcome, retries: [] };
        });
      },
      fails: 'retries in the service whose handler failed, and in no other',
    },
    'keeps broadcast handlers to one process': {
      make: (context) =>
        dispatching(redis(context), async (event, delivery, dispatch) => {
          if (delivery?.audience === 'broadcast') return HANDLED;
          return dispatch(event, { ...delivery, audience: undefined });
        }),
      fails: 'calls broadcast handlers in every instance, plain ones in one',
    },
    'makes two out of what waits for long': {
      make: (context) =>
        dispatching(redis(context), (event, delivery, dispatch) => {
          const again = setTimeout(() => void dispatch(event, delivery), LEASE_MS);
          return dispatch(event, delivery).finally(() => clearTimeout(again));
        }),
      fails: 'keeps events that wait behind slow ones for longer than the lease from being delivered twice',
    },
    'lets go of an event before it is handled': {
      make: (context) =>
        dispatching(redis(context), async (event, delivery, dispatch) => {
          void dispatch(event, delivery);
          return HANDLED;
        }),
      fails: [
        'keeps the order of a key while instances come and go',
        'do not let their event go before they are written, not even at shutdown',
        'lets go what is handled while one handler hangs, and delivers only what hung again',
        'gives an event that its shutdown interrupted to the next instance, and counts no try for it',
      ],
    },
  };
}

/** Takes what was published before the moment that is told after its start for handled. */
function ignoring(inner: EventBackend, startOf: () => number): EventBackend {
  let since = Infinity;
  const backend = dispatching(inner, async (event, delivery, dispatch) =>
    Number(new Date(event.createdAt)) < since ? HANDLED : dispatch(event, delivery),
  );
  const subscribe = backend.subscribe!;
  return altered<EventBackend>(backend, {
    subscribe: async (dispatch) => {
      await subscribe(dispatch);
      since = startOf();
    },
  });
}
