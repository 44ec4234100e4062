import { Redis } from 'ioredis';
import { HANDLED } from 'nestjs-durable-events';
import { altered, dispatching, type Mistake, sleep } from './altered.js';
import { LEASE_MS, type MakeRedis } from './redis.js';

/** Mistakes of processes that die, stall or ought to end. Made in the process that makes them. */
export function processMistakes(url: () => string, redis: MakeRedis): Readonly<Record<string, Mistake>> {
  return {
    'confirms before it has stored': {
      make: (context) => {
        const inner = redis(context);
        return altered(inner, {
          publish: async (event, options) => {
            void sleep(50).then(() => inner.publish(event, options));
            return {};
          },
        });
      },
      fails: 'has the event when its publish resolves, though the process is killed at that moment',
    },
    'lets go of an event before it is handled': {
      make: (context) =>
        dispatching(redis(context), async (event, delivery, dispatch) => {
          void dispatch(event, delivery);
          return HANDLED;
        }),
      fails: [
        'finishes what a killed process had in hand, each event in one of the others',
        'keeps the order of a key when its process is killed',
      ],
    },
    'takes up an event however often it killed its process': {
      make: (context) => redis({ ...context, maxDeliveries: 1000 }),
      fails: 'sends an event that kills every process to the dead letters, and handles the others',
    },
    'acknowledges what it has lost': {
      make: (context) =>
        dispatching(redis(context), async (event, delivery, dispatch) => {
          const outcome = await dispatch(event, delivery);
          const client = new Redis(url());
          const key = `{${context.namespace}}:stream`;
          const pending = await client.xpending(key, context.group, '-', '+', 10);
          for (const [id] of pending as [string][]) await client.xack(key, context.group, id);
          client.disconnect();
          return outcome;
        }),
      fails:
        'lets a process that was stopped for longer than its lease neither acknowledge nor go on unaware',
      says: /the event to come again/,
    },
    'does not tell a handler that it lost its event': {
      make: (context) =>
        dispatching(redis(context), (event, delivery, dispatch) => {
          const { handlerId, attempt, attempts, redelivered } = delivery ?? {};
          return dispatch(event, { handlerId, attempt, attempts, redelivered });
        }),
      fails:
        'lets a process that was stopped for longer than its lease neither acknowledge nor go on unaware',
      says: /the signal of its handler to abort/,
    },
    'leaves a timer running': {
      make: (context) => {
        setInterval(() => undefined, LEASE_MS);
        return redis(context);
      },
      fails: 'leaves nothing open that keeps its process alive',
    },
  };
}
