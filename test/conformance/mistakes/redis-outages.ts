import { type EventBackend, HANDLED } from 'nestjs-durable-events';
import { altered, dispatching, type Mistake, sleep } from './altered.js';
import { delayingInMemory, rememberingInMemory } from './in-memory.js';
import type { MakeRedis } from './redis.js';

/** Mistakes that show while the broker is away. */
export function brokerMistakes(redis: MakeRedis): Readonly<Record<string, Mistake>> {
  return {
    'confirms what its broker did not': {
      make: (context) => {
        const inner = redis(context);
        const confirm = () => undefined;
        return altered<EventBackend>(inner, {
          publish: (event, options) => inner.publish(event, options).catch(confirm),
          publishBatch: (entries) => inner.publishBatch(entries).then((results) => results.map(confirm)),
        });
      },
      fails:
        'rejects what the broker did not confirm, alone or in a batch, and delivers again when it is back',
    },
    'loses one event in fifty': {
      make: (context) => {
        let count = 0;
        return dispatching(redis(context), async (event, delivery, dispatch) =>
          ++count % 50 === 0 ? HANDLED : dispatch(event, delivery),
        );
      },
      fails: 'loses no confirmed event, and no retry, when the broker breaks down twice under load',
    },
    'waits for delays in its memory': {
      make: (context) => delayingInMemory(impatient(redis(context))),
      fails: 'delivers what became due while the broker was away',
    },
    'remembers duplicates before they are stored': {
      make: (context) => rememberingInMemory(impatient(redis(context))),
      fails: 'does not take an event for a duplicate whose publish failed',
    },
    'is always well': {
      make: (context) =>
        altered<EventBackend>(redis(context), { health: () => Promise.resolve({ status: 'up' }) }),
      fails:
        'says that it is not up while the broker is away, and that it is up again, where it tells its health',
    },
    'waits for its broker when it is closed': {
      make: (context) => {
        const inner = redis(context);
        return altered<EventBackend>(inner, {
          close: async () => {
            await inner.close();
            await sleep(5200);
          },
        });
      },
      fails: 'closes in time while the broker is away, also in the middle of its work',
    },
    'takes a broker that is away for a start': {
      make: (context) => {
        const inner = redis(context);
        return altered<EventBackend>(inner, {
          subscribe: async (dispatch) => {
            const down = sleep(100).then(() => ({ status: 'down' }));
            const { status } = await Promise.race([inner.health(), down]);
            if (status === 'up') await inner.subscribe(dispatch);
          },
        });
      },
      fails:
        'does not start without its broker and say nothing: it fails, or it consumes once the broker is there',
    },
  };
}

/** Gives up at once where its broker does not answer. */
function impatient(inner: EventBackend): EventBackend {
  return altered<EventBackend>(inner, {
    publish: async (event, options) => {
      const up = inner.health!().then(({ status }) => status === 'up');
      if (!(await Promise.race([up, sleep(100)]))) throw new Error('The broker is away.');
      return inner.publish(event, options);
    },
  });
}
