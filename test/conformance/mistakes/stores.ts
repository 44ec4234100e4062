import {
  type DeadLetter,
  type DeadLetterChange,
  type DeadLetterFilter,
  type DeadLetterQuery,
  type DeadLetterStatus,
  type EventBackend,
  MemoryDeadLetterStore,
} from 'nestjs-durable-events';
import { PlainBackend } from '../plain-backend.js';
import type { Mistake } from './altered.js';

/** Mistakes of backends that keep dead letters themselves. */
export const STORE_MISTAKES: Readonly<Record<string, Mistake>> = {
  'replaces a dead letter that it knows': {
    make: () =>
      keeping(
        class extends MemoryDeadLetterStore {
          override async add(entries: readonly DeadLetter[]): Promise<void> {
            for (const { id } of entries) await this.take(id);
            await super.add(entries);
          }
        },
      ),
    fails: 'are one entry for an event that comes twice, with the tries of both, and stay discarded',
  },
  'retries what is being retried': {
    make: () =>
      keeping(
        class extends MemoryDeadLetterStore {
          override async transition(
            id: string,
            from: DeadLetterStatus,
            to: DeadLetterStatus,
            change?: DeadLetterChange,
          ): Promise<DeadLetter | undefined> {
            const moved = await super.transition(id, from, to, change);
            return moved ?? (to === 'retrying' ? this.get(id) : undefined);
          }
        },
      ),
    fails: 'run once when several operators retry them at the same time',
  },
  'retries the event as it was before it was edited': {
    make: () =>
      keeping(
        class extends MemoryDeadLetterStore {
          override transition(
            id: string,
            from: DeadLetterStatus,
            to: DeadLetterStatus,
            { event: _, ...change }: DeadLetterChange = {},
          ): Promise<DeadLetter | undefined> {
            return super.transition(id, from, to, change);
          }
        },
      ),
    fails: 'are retried with other data under the same id, and keep what the event was',
  },
  'forgets why a dead letter was given up': {
    make: () =>
      keeping(
        class extends MemoryDeadLetterStore {
          override transition(
            id: string,
            from: DeadLetterStatus,
            to: DeadLetterStatus,
            { reason: _, ...change }: DeadLetterChange = {},
          ): Promise<DeadLetter | undefined> {
            return super.transition(id, from, to, change);
          }
        },
      ),
    fails: 'are discarded with a reason, and are not retried any more',
  },
  'purges everything of an age': {
    make: () =>
      keeping(
        class extends MemoryDeadLetterStore {
          override purge(filter: DeadLetterFilter): Promise<number> {
            return super.purge({ ...filter, status: ['dead', 'resolved', 'discarded'] });
          }
        },
      ),
    fails: 'are purged by age once they are closed, and no others unless that is asked for',
  },
  'lists everything at once, whatever is asked for': {
    make: () =>
      keeping(
        class extends MemoryDeadLetterStore {
          override list({ status }: DeadLetterQuery = {}) {
            return super.list({ status });
          }
        },
      ),
    fails: [
      'are listed by filters, page by page, oldest first',
      'are found by kind of failure, time and status, and counted by kind',
      'are chosen for a retry by a filter, shown beforehand by a dry run',
    ],
  },
  'hands out a dead letter that it keeps': {
    make: () =>
      keeping(
        class extends MemoryDeadLetterStore {
          override take(id: string): Promise<DeadLetter | undefined> {
            return this.get(id);
          }
        },
      ),
    fails: [
      'are handed over by drain once',
      'travel as lines of text to another service and are retried there',
    ],
  },
};

function keeping(Store: new () => MemoryDeadLetterStore): EventBackend {
  const deadLetters = new Store();
  return new (class extends PlainBackend {
    override readonly deadLetters = deadLetters;
  })();
}
