import { createEvent, type Event, type EventBackend, HANDLED } from 'nestjs-durable-events';
import { PlainBackend } from '../plain-backend.js';
import { altered, dispatching, type Mistake, publishing } from './altered.js';

/** Mistakes about what travels, and which event is which. */
export const ENVELOPE_MISTAKES: Readonly<Record<string, Mistake>> = {
  'takes colons for dots in names': {
    make: () =>
      publishing(new PlainBackend(), (event) => remade(event, { type: event.type.replaceAll(':', '.') })),
    fails: [
      'matches patterns exactly, and calls each handler once per event',
      'leaves names, ids, keys and sources as they are, whatever characters they have',
    ],
  },
  'takes events of one id for one event': {
    make: () => {
      const seen = new Set<string>();
      return dispatching(new PlainBackend(), async (event, delivery, dispatch) => {
        if (seen.has(event.id)) return HANDLED;
        seen.add(event.id);
        return dispatch(event, delivery);
      });
    },
    fails: 'keeps events of different names apart, also when they share ids, each of its own source',
  },
  'keeps what nobody handles among the dead letters': {
    make: () => {
      const inner = new PlainBackend();
      return altered<EventBackend>(inner, {
        attach: ({ patterns, deadLetter }) => {
          inner.unroutable = (event) => {
            if (patterns().includes(event.type)) return false;
            void deadLetter(event, new Error('no route'));
            return true;
          };
        },
      });
    },
    fails: 'accepts events that nobody handles, and goes on',
  },
  'forgets what an event comes from': {
    make: () => publishing(new PlainBackend(), ({ type, data, id }) => createEvent(type, data, { id })),
    fails: [
      'links what a handler emits to the event that caused it',
      'never hands an event to an older definition than its version: it becomes a dead letter',
    ],
  },
  'gives copies of an event ids of their own': {
    make: () =>
      publishing(new PlainBackend(), ({ type, data, source }) => createEvent(type, data, { source })),
    fails: [
      'has one effect, with an inbox, of an event that comes again later',
      'has one effect, with an inbox, of an event that comes several times at once',
      'has one effect, with an inbox, of an event that is in a batch twice',
      'runs a handler again, with an inbox, whose first try failed, and no other',
      'are one entry for an event that comes twice, with the tries of both, and stay discarded',
    ],
  },
  'loses one event in fifty': {
    make: () => {
      let count = 0;
      return dispatching(new PlainBackend(), async (event, delivery, dispatch) =>
        ++count % 50 === 0 ? HANDLED : dispatch(event, delivery),
      );
    },
    fails: [
      'loses and repeats nothing of many publishers at once',
      'recovers after every event has failed once in each of three handlers',
    ],
  },
  'refuses a whole batch for one event': {
    make: () => {
      const inner = new PlainBackend();
      return altered<EventBackend>(inner, {
        publishBatch: async (entries) => {
          if (entries.length < 20) return entries.map(() => new Error('refused'));
          return Promise.all(entries.map(({ event }) => inner.publish(event)));
        },
      });
    },
    fails: 'tells which events of a batch were refused, and delivers the others',
  },
};

function remade({ data, id, source, key }: Event, { type }: { type: string }): Event {
  return createEvent(type, data, { id, source, key });
}
