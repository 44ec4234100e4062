import { AssertionError } from 'node:assert/strict';
import { type EventBackend, HANDLED } from 'nestjs-durable-events';
import { PlainBackend } from '../plain-backend.js';
import { altered, dispatching, type Mistake, NEVER, sleep } from './altered.js';

let deaf = false;

/** Mistakes about the end of a backend, and what it says of itself. */
export const CLOSING_MISTAKES: Readonly<Record<string, Mistake>> = {
  'rejects when it is closed again': {
    make: () => {
      const inner = new PlainBackend();
      let closed = false;
      return altered<EventBackend>(inner, {
        close: () => {
          if (closed) return Promise.reject(new AssertionError({ message: 'closed already' }));
          closed = true;
          return inner.close();
        },
      });
    },
    fails: 'closes before it was started, and ten times at once',
  },
  'never comes back from a start': {
    make: () => altered<EventBackend>(new PlainBackend(), { subscribe: () => NEVER }),
    fails: 'closes while it is starting',
  },
  'takes its time to close': {
    make: () => slow(1100),
    fails: [
      'closes at once when it has nothing to do',
      'closes at its deadline although a handler hangs, and tells that handler',
    ],
    options: { toleranceMs: 400 },
  },
  'waits for its handlers when it is closed, however long they take': {
    make: () =>
      new (class extends PlainBackend {
        override async close(): Promise<void> {
          await super.close();
          await Promise.all(this.running);
        }
      })(),
    fails: 'closes although a handler hangs that does not listen to anybody',
  },
  'takes nothing from handlers that it waits for': {
    make: () => {
      const inner = new PlainBackend();
      let draining = false;
      return altered<EventBackend>(inner, {
        publish: (event, options) =>
          draining ? Promise.reject(new Error('It is draining.')) : inner.publish(event, options),
        drain: async () => {
          draining = true;
          await inner.settled();
        },
      });
    },
    fails: 'lets running handlers finish, and what they emit last arrive',
  },
  'is deaf once its data is deleted': {
    make: () => {
      deaf = false;
      return dispatching(new PlainBackend(), async (event, delivery, dispatch) =>
        deaf ? HANDLED : dispatch(event, delivery),
      );
    },
    options: {
      erase: async () => {
        deaf = true;
      },
    },
    fails: 'works on when everything that it had in the broker was deleted',
  },
  'promises to forget an event before its lease is over': {
    make: () => {
      const inner = new PlainBackend();
      return altered<EventBackend>(inner, {
        capabilities: { ...inner.capabilities, redeliveryHorizonMs: 1 },
      });
    },
    fails: 'says that an event may come again for at least as long as a lease, where it says so',
  },
  'is always unwell': {
    make: () =>
      altered<EventBackend>(new PlainBackend(), { health: () => Promise.resolve({ status: 'degraded' }) }),
    fails: 'tells its health and counts in numbers, where it tells them',
  },
  'counts what is no number': {
    make: () => altered<EventBackend>(new PlainBackend(), { stats: () => Promise.resolve({ lag: NaN }) }),
    fails: 'tells its health and counts in numbers, where it tells them',
  },
};

function slow(ms: number): EventBackend {
  const inner = new PlainBackend();
  return altered<EventBackend>(inner, {
    close: async () => {
      await sleep(ms);
      await inner.close();
    },
  });
}
