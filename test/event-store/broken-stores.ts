import { createEvent, type Event } from 'nestjs-durable-events';
import {
  type AppendOptions,
  type AppendResult,
  type Checkpoint,
  type EventCriteria,
  type LoadOptions,
  MemoryEventStore,
  type Publication,
  type StoredEvent,
} from 'nestjs-durable-events/store';

type Page = LoadOptions & { readonly limit: number };

/** Stores with one mistake each, and a case that has to notice it. */
export const BROKEN: Readonly<Record<string, readonly [fails: string, make: () => MemoryEventStore]>> = {
  'forgets the metadata': [
    'gives back the whole event, and says where it stands and since when',
    () =>
      new (class extends MemoryEventStore {
        override appendBatch(events: readonly Event[], options?: AppendOptions): Promise<AppendResult[]> {
          const without = events.map(({ id, type, data, createdAt, source, version, key }) =>
            createEvent(type, data, { id, createdAt, source, version, key }),
          );
          return super.appendBatch(without, options);
        }
      })(),
  ],
  'stores what it has once more': [
    'keeps one of an event that is appended many times at once',
    () =>
      new (class extends MemoryEventStore {
        override async appendBatch(
          events: readonly Event[],
          options?: AppendOptions,
        ): Promise<AppendResult[]> {
          const results = await super.appendBatch(events, options);
          return results.map((result) => ({ ...result, duplicate: false }));
        }
      })(),
  ],
  'does not mind the version': [
    'appends at the version that is expected, and refuses at any other',
    () =>
      new (class extends MemoryEventStore {
        override appendBatch(events: readonly Event[], options?: AppendOptions): Promise<AppendResult[]> {
          return super.appendBatch(events, { ...options, expectedVersion: 'any' });
        }
      })(),
  ],
  'appends a batch one by one': [
    'does not mix up many appends at once',
    () =>
      new (class extends MemoryEventStore {
        override async appendBatch(
          events: readonly Event[],
          options?: AppendOptions,
        ): Promise<AppendResult[]> {
          const results: AppendResult[] = [];
          for (const event of events) results.push(...(await super.appendBatch([event], options)));
          return results;
        }
      })(),
  ],
  'keeps the first part of a batch that cannot be stored': [
    'keeps nothing of a batch with an event that cannot be stored',
    () =>
      new (class extends MemoryEventStore {
        override async appendBatch(
          events: readonly Event[],
          options?: AppendOptions,
        ): Promise<AppendResult[]> {
          const results: AppendResult[] = [];
          for (const event of events) results.push(...(await super.appendBatch([event], options)));
          return results;
        }
      })(),
  ],
  'takes `until` as included': [
    'finds events by every criterion, alone and together, in both directions, and counts them',
    () =>
      new (class extends MemoryEventStore {
        override page(options: Page): Promise<StoredEvent[]> {
          return super.page({ ...options, until: options.until && new Date(options.until.getTime() + 1) });
        }
      })(),
  ],
  'counts without the criteria': [
    'finds events by every criterion, alone and together, in both directions, and counts them',
    () =>
      new (class extends MemoryEventStore {
        override count(_criteria?: EventCriteria): Promise<number> {
          return super.count();
        }
      })(),
  ],
  'has the event at `after` on the page, too': [
    'goes on behind any position, in both directions',
    () =>
      new (class extends MemoryEventStore {
        override page({ after, ...options }: Page): Promise<StoredEvent[]> {
          const before = after && String(Number(after) - 1).padStart(16, '0');
          return super.page({ ...options, after: before });
        }
      })(),
  ],
  'fills no page when much is left out': [
    'gives pages that are full while there is more',
    () =>
      new (class extends MemoryEventStore {
        override async page({ types, ...options }: Page): Promise<StoredEvent[]> {
          const page = await super.page(options);
          const meant = new Set((await super.page({ types, limit: Infinity })).map(({ id }) => id));
          return page.filter(({ id }) => meant.has(id));
        }
      })(),
  ],
  'reads a stream a version off': [
    'reads a stream from any version, and longer ones than a page',
    () =>
      new (class extends MemoryEventStore {
        override streamPage(streamId: string, from: number, limit: number): Promise<StoredEvent[]> {
          return super.streamPage(streamId, from + 1, limit);
        }
      })(),
  ],
  'gives a checkpoint to everybody': [
    'gives a checkpoint to one of many who ask at once',
    () => {
      const store = new MemoryEventStore();
      const acquire = store.checkpoints.acquire.bind(store.checkpoints);
      store.checkpoints.acquire = async (name, leaseMs) => {
        const lease = await acquire(name, leaseMs);
        return lease ?? acquire(`${name}!`, leaseMs);
      };
      return store;
    },
  ],
  'lets a stale holder save': [
    'gives it to another one when the lease is over, and refuses the first one from then on',
    () => {
      const store = new MemoryEventStore();
      const acquire = store.checkpoints.acquire.bind(store.checkpoints);
      store.checkpoints.acquire = async (name, leaseMs) => {
        const lease = await acquire(name, leaseMs);
        if (lease === undefined) return undefined;
        const save = (checkpoint: Checkpoint) => lease.save(checkpoint).catch(() => undefined);
        return Object.assign({}, lease, { save });
      };
      return store;
    },
  ],
  'lets an older snapshot take the place of a newer one': [
    'lets a newer snapshot stay, and takes one of the same version',
    () => {
      const store = new MemoryEventStore();
      const save = store.snapshots.save.bind(store.snapshots);
      store.snapshots.save = async (snapshot) => {
        await store.snapshots.remove(snapshot.streamId);
        await save(snapshot);
      };
      return store;
    },
  ],
  'forgets why publishing failed': [
    'notes what became of publishing, and finds events by it',
    () =>
      new (class extends MemoryEventStore {
        override settle(ids: readonly string[], publication: Publication): Promise<void> {
          return super.settle(ids, publication);
        }
      })(),
  ],
  'takes any text for a position': [
    'refuses what cannot work, and names it',
    () =>
      new (class extends MemoryEventStore {
        override page({ after, ...options }: Page): Promise<StoredEvent[]> {
          return super.page(/^\d+$/.test(after ?? '') ? { ...options, after } : options);
        }
      })(),
  ],
  'leaves its subscriptions running': [
    'ends subscriptions when it is closed, and hands over nothing after that',
    () =>
      new (class extends MemoryEventStore {
        override close(): Promise<void> {
          return Promise.resolve();
        }
      })(),
  ],
};
