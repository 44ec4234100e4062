import { type Event, type EventBackend, MemoryBackend, type PublishOptions } from 'nestjs-durable-events';
import { altered, type Mistake } from './altered.js';

/** Mistakes about events that are published twice, and about delayed events that are taken back. */
export const DUPLICATE_MISTAKES: Readonly<Record<string, Mistake>> = {
  'stores duplicates': {
    make: () => {
      const inner = new MemoryBackend();
      return altered<EventBackend>(inner, {
        publish: (event, options) => inner.publish(event, plain(options)),
      });
    },
    fails: 'stores an event once that is published again, and says so',
  },
  'leaves duplicates out and does not say so': {
    make: () => {
      const inner = new MemoryBackend();
      const publish = (event: Event, options?: PublishOptions) =>
        inner.publish(event, options).then(() => undefined);
      return altered<EventBackend>(inner, { publish });
    },
    fails: 'stores an event once that is published again, and says so',
  },
  'says that something is a duplicate and stores it': {
    make: () => remembering({ storesAnyway: true }),
    fails: 'stores an event once that is published again, and says so',
  },
  'looks for duplicates in one step and remembers in another': {
    make: () => remembering({ gap: () => new Promise((resolve) => setImmediate(resolve)) }),
    fails: 'stores an event once that is published several times at once, by one emitter or several',
  },
  'does not look into batches': {
    make: () => {
      const inner = new MemoryBackend();
      return altered<EventBackend>(inner, {
        publishBatch: (entries) => Promise.all(entries.map(({ event }) => inner.publish(event))),
      });
    },
    fails: 'finds duplicates inside a batch, and stores the others of it',
  },
  'knows events by their id alone': {
    make: () => remembering({ keyOf: ({ id }) => id }),
    fails: 'takes events of one id and different sources for different events',
  },
  'puts source and id together so that they can be mistaken': {
    make: () => remembering({ keyOf: ({ id, source }) => `${source}:${id}` }),
    fails: 'takes events of one id and different sources for different events',
  },
  'forgets duplicates where there is a delay': {
    make: () => {
      const inner = new MemoryBackend();
      return altered<EventBackend>(inner, {
        publish: (event, options) => inner.publish(event, options?.delayMs ? plain(options) : options),
      });
    },
    fails: 'stores an event once that is published with a delay again',
  },
  'says that it took an event back and did not': {
    make: () => altered<EventBackend>(new MemoryBackend(), { cancel: () => Promise.resolve(true) }),
    fails: 'takes a delayed event back, once, and never delivers it',
  },
  'says that it did not take back what it did': {
    make: () => {
      const inner = memory();
      return altered<EventBackend>(inner, { cancel: async (id) => (await inner.cancel!(id)) && false });
    },
    fails: 'takes a delayed event back, once, and never delivers it',
  },
  'takes back an event that it has just handed out': {
    make: () => {
      const inner = memory();
      const known = new Set<string>();
      return altered<EventBackend>(inner, {
        publish: (event, options) => (known.add(event.id), inner.publish(event, options)),
        cancel: async (id) => (await inner.cancel!(id)) || known.delete(id),
      });
    },
    fails: 'either takes an event back that is just due, or delivers it: never both, never neither',
  },
};

function memory(): EventBackend {
  return new MemoryBackend();
}

/** Without what asks for deduplication. */
function plain({ delayMs }: PublishOptions = {}): PublishOptions {
  return delayMs === undefined ? {} : { delayMs };
}

interface Memory {
  readonly keyOf?: (event: Event) => string;
  readonly gap?: () => Promise<unknown>;
  readonly storesAnyway?: boolean;
}

/** Looks for duplicates by itself. */
function remembering({ keyOf = ofSource, gap, storesAnyway = false }: Memory): EventBackend {
  const inner = new MemoryBackend();
  const seen = new Set<string>();
  return altered<EventBackend>(inner, {
    publish: async (event, options) => {
      if (options?.deduplicate !== true) return inner.publish(event, plain(options));
      const duplicate = seen.has(keyOf(event));
      await gap?.();
      seen.add(keyOf(event));
      if (!duplicate || storesAnyway) await inner.publish(event, plain(options));
      return { duplicate };
    },
    publishBatch: undefined,
  });
}

function ofSource({ source, id }: Event): string {
  return JSON.stringify([source, id]);
}
