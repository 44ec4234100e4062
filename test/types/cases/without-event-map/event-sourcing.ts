import { defineEvent, type Event } from 'nestjs-durable-events';
import { AggregateRepository, defineAggregate, type EventStore } from 'nestjs-durable-events/store';
import { z } from 'zod';

declare const store: EventStore;

const counters = defineAggregate({
  name: 'counter',
  initial: () => 0,
  evolve: {
    added: (count, { data }) => count + data.by,
    reset: () => 0,
  },
});

interface Door {
  readonly state: 'open' | 'shut';
}
const Opened = defineEvent('door.opened', { schema: z.object({ by: z.string() }) });
defineAggregate({
  name: 'door',
  events: [Opened],
  initial: (): Door => ({ state: 'shut' }),
  evolve: {
    'door.opened': (_, { data }) => ({ state: data.by === '' ? 'shut' : 'open' }),
    shut: (door) => ({ ...door, state: 'shut' }),
  },
});
defineAggregate({
  name: 'door',
  events: [Opened],
  initial: (): Door => ({ state: 'shut' }),
  evolve: (door, event) => (event.data.by === '' ? door : { state: 'open' }),
});

export async function right(): Promise<void> {
  await new AggregateRepository(store, counters).handle('a', () => ({ type: 'added', data: { by: 1 } }));
}

export async function wrong(): Promise<void> {
  // error TS2322: Type '"addded"' is not assignable to type
  await new AggregateRepository(store, counters).handle('a', () => ({ type: 'addded', data: { by: 1 } }));
}

defineAggregate({
  name: 'counter',
  initial: () => 0,
  // error TS2322: Type 'string' is not assignable to type 'number'.
  evolve: (_, event: Event<{ by: number }, 'added'>) => event.type,
});

defineAggregate({
  name: 'door',
  initial: (): Door => ({ state: 'shut' }),
  evolve: {
    // error TS2322: Type '"ajar"' is not assignable to type '"open" | "shut"'.
    opened: (door) => ({ ...door, state: 'ajar' }),
  },
});
