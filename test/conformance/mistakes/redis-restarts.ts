import {
  type DeadLetterStore,
  type EventBackend,
  HANDLED,
  MemoryDeadLetterStore,
} from 'nestjs-durable-events';
import { altered, delivering, dispatching, type Mistake, NEVER, settling, sleep } from './altered.js';
import { delayingInMemory, rememberingInMemory } from './in-memory.js';
import { LEASE_MS, type MakeRedis } from './redis.js';

/** What has to outlive a process. */
export function restartMistakes(redis: MakeRedis): Readonly<Record<string, Mistake>> {
  return {
    'counts tries from 1 again': {
      make: (context) => delivering(redis(context), (delivery) => ({ ...delivery, attempt: 1 })),
      fails: [
        'goes on counting tries after a restart',
        'keeps the order of a key over a restart in the middle of a retry, and goes on counting tries',
      ],
    },
    'forgets how often a retry was deferred': {
      make: (context) => delivering(redis(context), (delivery) => ({ ...delivery, deferrals: undefined })),
      fails: 'keeps a retry whose handler no process has, counts no try for it and asks less and less often',
    },
    'waits for delays in its memory': {
      make: (context) => delayingInMemory(redis(context)),
      fails: 'keeps delayed events over a restart',
    },
    'remembers duplicates in its memory': {
      make: (context) => rememberingInMemory(redis(context)),
      fails: 'remembers over a restart what was published',
    },
    'keeps dead letters in its memory': {
      make: (context) => altered<EventBackend>(redis(context), { deadLetters: new MemoryDeadLetterStore() }),
      fails: 'outlive the process',
    },
    'hides what it cannot read': {
      make: (context) => {
        const inner = redis(context);
        return altered<EventBackend>(inner, {
          deadLetters: altered<DeadLetterStore>(inner.deadLetters, { size: () => Promise.resolve(0) }),
        });
      },
      fails: 'hold messages that cannot be read, with what they said, and do not stop the next one',
    },
    'does not keep what the broker held': {
      make: (context) => delivering(redis(context), (delivery) => ({ ...delivery, raw: undefined })),
      fails: 'hold what the broker held, where they hold it, and it is the event',
    },
  };
}

/** What becomes of work that a shutdown interrupts. */
export function shutdownMistakes(redis: MakeRedis): Readonly<Record<string, Mistake>> {
  const counted = (backend: EventBackend) =>
    settling(backend, (outcome) => ({
      ...outcome,
      released: outcome.released.map((each) => ({ ...each, attempt: each.attempt + 1 })),
    }));
  return {
    'takes what was interrupted for handled': {
      make: (context) =>
        settling(redis(context), (outcome) => (outcome.status === 'released' ? HANDLED : outcome)),
      fails: [
        'gives an event that its shutdown interrupted to the next instance, and counts no try for it',
        'that are being retried come to their end though the process is closed meanwhile',
      ],
    },
    'counts an interruption as a try': {
      make: (context) => counted(redis(context)),
      fails: [
        'gives an event that its shutdown interrupted to the next instance, and counts no try for it',
        'makes no dead letter of an event that its shutdowns interrupt again and again',
      ],
    },
    'keeps what it has when it is closed': {
      make: (context) => {
        const inner = redis(context);
        const keeping = dispatching(inner, async (event, delivery, dispatch) => {
          const outcome = await dispatch(event, delivery);
          return outcome.status === 'released' ? NEVER : outcome;
        });
        return altered(keeping, {
          drain: () => Promise.resolve(),
          close: () => Promise.resolve(void sleep(2 * LEASE_MS).then(() => inner.close())),
        });
      },
      fails: 'gives what its shutdown interrupted to another instance at once, without waiting for the lease',
    },
    'goes on taking events while it drains': {
      make: (context) => altered<EventBackend>(redis(context), { drain: () => Promise.resolve() }),
      fails: 'begins nothing new while it drains, and leaves the rest to others',
    },
  };
}
