import { type DeadLetter, type EventBackend, MemoryBackend } from 'nestjs-durable-events';
import { PlainBackend } from '../plain-backend.js';
import { dispatching, type Mistake, settling, sleep } from './altered.js';

/** Mistakes about what follows from a delivery. */
export const OUTCOME_MISTAKES: Readonly<Record<string, Mistake>> = {
  'delivers to a handler that failed for good alone': {
    make: () =>
      dispatching(new PlainBackend(), (event, delivery, dispatch) =>
        dispatch(event, { handlerId: 'broken', ...delivery }),
      ),
    fails: 'runs the other handlers when one fails for good, and keeps one dead letter',
  },
  'says the same of every failure': {
    make: () =>
      settling(new PlainBackend(), (outcome) => ({
        ...outcome,
        deadLetters: outcome.deadLetters.map((letter) => ({
          ...letter,
          attempts: letter.attempts.map(nameless),
        })),
      })),
    fails: 'survives whatever a handler throws, and says what it was',
  },
  'waits with an event in hand until its retry is due': {
    make: () => {
      let last: Promise<unknown> = Promise.resolve();
      return dispatching(new PlainBackend(), (event, delivery, dispatch) => {
        const mine = last.then(() => dispatch(event, delivery));
        last = mine.then(({ retries: [next] }) => next && sleep(next.delayMs));
        return mine;
      });
    },
    fails: 'does not wait for a retry before it handles other events',
  },
  'says of every delivery that it may be a repetition': {
    make: () =>
      dispatching(new PlainBackend(), (event, delivery, dispatch) =>
        dispatch(event, { ...delivery, redelivered: true }),
      ),
    fails: 'tells a handler which deliveries may be repetitions',
  },
  'tries once more what was given up': {
    make: () =>
      dispatching(new PlainBackend(), async (event, delivery, dispatch) => {
        const outcome = await dispatch(event, delivery);
        return outcome.deadLetters.length > 0 ? dispatch(event, delivery) : outcome;
      }),
    fails: [
      'does not retry a handler that wants none',
      'sends what cannot be mended to the dead letters at once',
      'are one entry though their store fails after it has written',
    ],
  },
  'has a backoff of its own': {
    make: () => delaying(() => 10),
    fails: [
      'reports the very delay that it then keeps, jitter included',
      'waits as long as a RetryAfterError asks for instead of the backoff',
    ],
  },
  'takes a retried dead letter for settled though it failed again': {
    make: () =>
      dispatching(new PlainBackend(), async (event, delivery, dispatch) => {
        const outcome = await dispatch(event, delivery);
        const id = delivery?.deadLetterId;
        if (id === undefined || outcome.deadLetters.length === 0) return outcome;
        return { ...outcome, deadLetters: [], resolved: [id] };
      }),
    fails: [
      'are retried until all of them are resolved',
      'are neither lost nor doubled when one is retried again while it is being retried',
      'come back under the same id with their whole history when a retry fails, too',
    ],
  },
  'delivers broadcast handlers in the group alone': {
    make: () =>
      dispatching(new MemoryBackend(), (event, delivery, dispatch) =>
        dispatch(event, { ...delivery, audience: 'group' }),
      ),
    fails: 'calls broadcast handlers of a single instance once',
  },
};

function nameless({ error, ...attempt }: DeadLetter['attempts'][number]): DeadLetter['attempts'][number] {
  return { ...attempt, error: { ...error, message: 'It failed.' } };
}

function delaying(delay: (ms: number) => number): EventBackend {
  return settling(new PlainBackend(), (outcome) => ({
    ...outcome,
    retries: outcome.retries.map((retry) => ({ ...retry, delayMs: delay(retry.delayMs) })),
  }));
}
