import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  createEventBus,
  defineEvent,
  type Event,
  EventConfigurationError,
  type EventOf,
  EventValidationError,
  StreamConflictError,
} from 'nestjs-durable-events';
import {
  Aggregate,
  AggregateRepository,
  defineAggregate,
  MemoryEventStore,
  type StoredEvent,
} from 'nestjs-durable-events/store';
import { z } from 'zod';

interface Account {
  readonly open: boolean;
  readonly cents: number;
}

const definition = {
  name: 'account',
  initial: (): Account => ({ open: false, cents: 0 }),
  evolve: {
    'account.opened': (account: Account) => ({ ...account, open: true }),
    'account.deposited': (account: Account, { data }: Event<{ cents: number }>) => ({
      ...account,
      cents: account.cents + data.cents,
    }),
  },
};
const accounts = defineAggregate(definition);

class NoSuchAccount extends Error {}

class AccountAggregate extends Aggregate<typeof accounts> {
  static readonly definition = accounts;

  open(): void {
    this.apply({ type: 'account.opened', data: {} });
  }

  deposit(cents: number): void {
    if (!this.state.open) throw new NoSuchAccount(this.id);
    this.apply({ type: 'account.deposited', data: { cents } });
  }
}

const opened = { type: 'account.opened', data: {} } as const;
const deposited = (cents: number) => ({ type: 'account.deposited', data: { cents } }) as const;

let store: MemoryEventStore;
beforeEach(() => {
  store = new MemoryEventStore();
});

async function streamOf(streamId: string): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const event of store.loadStream(streamId)) events.push(event);
  return events;
}

const typesOf = (events: readonly Event[]) => events.map(({ type }) => type);

describe('an aggregate of plain functions', () => {
  it('is what its events made of it', async () => {
    const repository = new AggregateRepository(store, accounts, { source: 'bank' });
    const saved = await repository.handle('ada', () => [opened, deposited(5), deposited(7)]);
    expect(saved).toMatchObject({ version: 3, state: { open: true, cents: 12 }, uncommitted: [] });

    const loaded = await repository.load('ada');
    expect(loaded).toMatchObject({ id: 'ada', version: 3, state: { open: true, cents: 12 } });
    const events = await streamOf('account-ada');
    expect(typesOf(events)).toEqual(['account.opened', 'account.deposited', 'account.deposited']);
    expect(events[0]).toMatchObject({ source: 'bank', key: 'account-ada', streamVersion: 1 });
  });

  it('without events is in its first state', async () => {
    const repository = new AggregateRepository(store, accounts);
    expect(await repository.load('nobody')).toMatchObject({ version: 0, state: { open: false, cents: 0 } });
  });

  it('may have one reducer for all of its events', async () => {
    const counters = defineAggregate({
      name: 'counter',
      initial: () => 0,
      evolve: (count, event: Event<number, 'counter.added'>) => count + event.data,
    });
    const repository = new AggregateRepository(store, counters);
    await repository.handle('a', () => ({ type: 'counter.added', data: 3 }));
    await repository.handle('a', ({ state }) => ({ type: 'counter.added', data: state }));
    expect((await repository.load('a')).state).toBe(6);
  });

  it('is left as it is by events that it has no reducer for', async () => {
    await store.append(createEvent('account.renamed', {}), { streamId: 'account-ada' });
    const repository = new AggregateRepository(store, accounts);
    expect(await repository.load('ada')).toMatchObject({ version: 1, state: { open: false } });
  });

  it('appends nothing when nothing was decided', async () => {
    const repository = new AggregateRepository(store, accounts);
    const { version } = await repository.handle('ada', () => undefined);
    expect(version).toBe(0);
    expect(await store.count()).toBe(0);
  });

  it('reads a stream of many pages', async () => {
    const events = Array.from({ length: 1501 }, () => createEvent('account.deposited', { cents: 1 }));
    await store.appendBatch(events, { streamId: 'account-ada' });
    const { version, state } = await new AggregateRepository(store, accounts).load('ada');
    expect({ version, cents: state.cents }).toEqual({ version: 1501, cents: 1501 });
  });
});

describe('an aggregate as a class', () => {
  it('has its commands as methods', async () => {
    const repository = new AggregateRepository(store, AccountAggregate);
    await repository.handle('ada', (account) => {
      account.open();
      account.deposit(5);
    });
    const account = await repository.load('ada');
    expect(account).toBeInstanceOf(AccountAggregate);
    account.deposit(7);
    expect(account.state.cents).toBe(12);
    expect(account.version).toBe(2);
    expect(typesOf(account.uncommitted)).toEqual(['account.deposited']);

    await repository.save(account);
    expect(account.version).toBe(3);
    expect(account.uncommitted).toEqual([]);
  });

  it('that refuses a command stores nothing', async () => {
    const repository = new AggregateRepository(store, AccountAggregate);
    const refused = repository.handle('ada', (account) => account.deposit(1));
    await expect(refused).rejects.toThrow(NoSuchAccount);
    expect(await store.count()).toBe(0);
  });

  it('says when it has no definition', () => {
    class Nothing extends Aggregate<typeof accounts> {}
    expect(() => new Nothing('a')).toThrow(
      'The class Nothing has no definition. Add: static readonly definition = defineAggregate({ … });',
    );
    expect(() => new AggregateRepository(store, Nothing as never)).toThrow(EventConfigurationError);
  });
});

describe('two who change one aggregate at a time', () => {
  it('conflict: the later one is told, and nothing of it is stored', async () => {
    const repository = new AggregateRepository(store, AccountAggregate);
    await repository.handle('ada', (account) => account.open());
    const [first, second] = await Promise.all([repository.load('ada'), repository.load('ada')]);
    first.deposit(1);
    second.deposit(2);

    await repository.save(first);
    await expect(repository.save(second)).rejects.toThrow(
      "Stream 'account-ada' is at version 2, but the append expected 1.",
    );
    expect((await repository.load('ada')).state.cents).toBe(1);
  });

  it('come one after the other with handle()', async () => {
    const repository = new AggregateRepository(store, AccountAggregate, { retries: 50 });
    await repository.handle('ada', (account) => account.open());
    const deposits = Array.from({ length: 20 }, () =>
      repository.handle('ada', (account) => account.deposit(1)),
    );
    await Promise.all(deposits);
    expect(await repository.load('ada')).toMatchObject({ version: 21, state: { cents: 20 } });
  });

  it('are told when the tries are over', async () => {
    const repository = new AggregateRepository(store, AccountAggregate);
    let decided = 0;
    const always = repository.handle(
      'ada',
      async (account) => {
        decided++;
        await store.append(createEvent('account.opened', {}), { streamId: 'account-ada' });
        account.open();
      },
      { retries: 2 },
    );
    await expect(always).rejects.toThrow(StreamConflictError);
    expect(decided).toBe(3);
  });
});

it('a save of unknown outcome may be repeated: the events are stored once', async () => {
  const repository = new AggregateRepository(store, AccountAggregate);
  const account = await repository.load('ada');
  account.open();
  account.deposit(5);
  const appendBatch = store.appendBatch.bind(store);
  let lost = 0;
  store.appendBatch = async (...args) => {
    const results = await appendBatch(...args);
    if (lost++ === 0) throw new Error('the connection was lost before the answer came');
    return results;
  };

  await expect(repository.save(account)).rejects.toThrow('the connection was lost');
  expect(account.version).toBe(0);
  await repository.save(account);

  expect(account.version).toBe(2);
  expect(typesOf(await streamOf('account-ada'))).toEqual(['account.opened', 'account.deposited']);
});

it('what happens to an aggregate while it is being saved is saved next', async () => {
  const repository = new AggregateRepository(store, AccountAggregate);
  const account = await repository.load('ada');
  account.open();
  const saving = repository.save(account);
  account.deposit(5);
  await saving;
  expect(account.version).toBe(1);
  expect(typesOf(account.uncommitted)).toEqual(['account.deposited']);
  await repository.save(account);
  expect((await repository.load('ada')).state.cents).toBe(5);
});

describe('what a handler of events does to an aggregate', () => {
  it('is caused by the event that is being handled', async () => {
    const repository = new AggregateRepository(store, accounts);
    const bus = createEventBus();
    bus.on('after:signup', async () => void (await repository.handle('ada', () => opened)));
    await bus.start();
    await bus.emitSync('after:signup', {}, { id: 's1', correlationId: 'flow', metadata: { userId: 'ada' } });
    await bus.close();
    const [event] = await streamOf('account-ada');
    expect(event).toMatchObject({
      correlationId: 'flow',
      causationId: 's1',
      metadata: { userId: 'ada' },
    });
  });

  it('is caused by what the command says, if it says something', async () => {
    const options = { id: 'e1', key: 'k', correlationId: 'c', causationId: 'd', metadata: { tenantId: 't' } };
    await new AggregateRepository(store, accounts).handle('ada', () => ({ ...opened, options }));
    const [event] = await streamOf('account-ada');
    expect(event).toMatchObject(options);
  });
});

describe('definitions of events', () => {
  const Renamed = defineEvent('account.renamed', {
    version: 2,
    schema: z.object({ first: z.string(), at: z.coerce.date() }),
    upcast: { 1: ({ name, at }: { name: string; at: string }) => ({ first: name, at }) },
    aliases: ['account.named'],
  });
  const named = defineAggregate({
    name: 'account',
    events: [Renamed],
    initial: () => ({ name: '', since: 0 }),
    evolve: { 'account.renamed': (_, { data }) => ({ name: data.first, since: data.at.getTime() }) },
  });

  it('bring what is read to their version and name, as the schema reads it', async () => {
    const old = createEvent('account.named', { name: 'Ada', at: '2024-02-29T00:00:00Z' });
    await store.append(old, { streamId: 'account-a' });
    const { state } = await new AggregateRepository(store, named).load('a');
    expect(state).toEqual({ name: 'Ada', since: Date.UTC(2024, 1, 29) });
  });

  it('check what is saved, and give it their version', async () => {
    const repository = new AggregateRepository(store, named);
    const at = new Date(0);
    const wrong = { type: 'account.renamed', data: { first: 1 as never, at } } as const;
    await expect(repository.handle('a', () => wrong)).rejects.toThrow(EventValidationError);
    const { state } = await repository.handle('a', () => ({
      type: 'account.renamed',
      data: { first: 'Ada', at },
    }));
    expect(state).toEqual({ name: 'Ada', since: 0 });
    expect(await streamOf('account-a')).toMatchObject([{ version: 2, data: { first: 'Ada' } }]);
    expect((await repository.load('a')).state).toEqual(state);
  });

  it('with an asynchronous schema are refused', async () => {
    const Slow = defineEvent('slow', { schema: z.string().refine(async () => true) });
    const slow = defineAggregate({
      name: 'slow',
      events: [Slow],
      initial: () => 0,
      evolve: { slow: (n) => n },
    });
    const refused = new AggregateRepository(store, slow).handle('a', () => ({ type: 'slow', data: 'x' }));
    await expect(refused).rejects.toThrow("The schema of event 'slow' is asynchronous");
  });
});

describe('snapshots', () => {
  const quick = defineAggregate({ ...definition, snapshotEvery: 10 });
  const deposit = async (repository: AggregateRepository<typeof quick>, times: number) => {
    for (let i = 0; i < times; i++) await repository.handle('ada', () => deposited(1));
  };
  /** The first version that each load of the stream began with. */
  function watchReads(): number[] {
    const from: number[] = [];
    const streamPage = store.streamPage.bind(store);
    store.streamPage = (streamId, fromVersion, limit) => {
      from.push(fromVersion);
      return streamPage(streamId, fromVersion, limit);
    };
    return from;
  }

  it('are made every so many events, and loading goes on from there', async () => {
    const repository = new AggregateRepository(store, quick);
    await deposit(repository, 9);
    expect(await store.snapshots.load('account-ada')).toBeUndefined();
    await deposit(repository, 14);
    expect(await store.snapshots.load('account-ada')).toMatchObject({ version: 20, form: '1' });

    const reads = watchReads();
    expect(await repository.load('ada')).toMatchObject({ version: 23, state: { cents: 23 } });
    expect(reads).toEqual([21]);
  });

  it('of another form are not used, and give way to new ones', async () => {
    await deposit(new AggregateRepository(store, quick), 10);
    const inEuro = defineAggregate({
      ...definition,
      snapshotEvery: 5,
      form: 'euro',
      initial: () => ({ euro: 0 }),
      evolve: {
        'account.deposited': ({ euro }, { data }: EventOf<'account.deposited'>) => ({
          euro: euro + (data as { cents: number }).cents / 100,
        }),
      },
    });
    const repository = new AggregateRepository(store, inEuro);
    expect((await repository.load('ada')).state.euro).toBeCloseTo(0.1);
    await repository.handle('ada', () => deposited(90));
    expect(await store.snapshots.load('account-ada')).toMatchObject({ version: 11, form: 'euro' });
  });

  it('that would lose a part of the state are not made, and the log says which part', async () => {
    const dated = defineAggregate({
      ...definition,
      snapshotEvery: 1,
      initial: () => ({ days: [] as { at: Date }[] }),
      evolve: {
        'account.deposited': ({ days }, { createdAt }: Event) => ({ days: [...days, { at: createdAt }] }),
      },
    });
    const errors: string[] = [];
    const onError = (error: Error, streamId: string) => void errors.push(`${streamId}: ${error.message}`);
    await new AggregateRepository(store, dated, { onError }).handle('ada', () => deposited(1));
    expect(errors).toEqual([
      "account-ada: A snapshot of aggregate 'account' would lose state.days[0].at (a Date), which JSON cannot keep. Let the state have texts, numbers, booleans, lists and plain objects only, or leave out 'snapshotEvery'.",
    ]);
    expect(await store.snapshots.load('account-ada')).toBeUndefined();
    expect(await store.count()).toBe(1);
  });

  it('that cannot be saved or read cost nothing but time', async () => {
    const errors: string[] = [];
    const onError = (error: Error) => void errors.push(error.message);
    const repository = new AggregateRepository(store, quick, { onError });
    store.snapshots.save = () => Promise.reject(new Error('no room'));
    await deposit(repository, 10);
    store.snapshots.load = () => Promise.reject(new Error('no snapshot'));
    expect((await repository.load('ada')).state.cents).toBe(10);
    expect(errors).toEqual(['no room', 'no snapshot']);
  });
});

describe('what cannot work is refused, naming what to set', () => {
  it.each([
    ["Option 'name' of defineAggregate('') is ''. Set it to a non-empty string.", { name: '' }],
    ["Option 'initial' of defineAggregate('account') is {}. Set it to a function.", { initial: {} }],
    ["Option 'snapshotEvery' of defineAggregate('account') is 0.", { snapshotEvery: 0 }],
    ["Option 'form' of defineAggregate('account') is ''.", { form: '' }],
    ["'account.*' is a pattern", { evolve: { 'account.*': () => 0 } }],
    ["Option 'evolve['opened']' of defineAggregate('account') is 1.", { evolve: { opened: 1 } }],
    [
      "Option 'events' of defineAggregate('account') has two definitions of 'a'.",
      { events: [defineEvent('a'), defineEvent('b', { aliases: ['a'] })] },
    ],
  ])('%s', (message, options) => {
    expect(() => defineAggregate({ ...definition, ...options } as never)).toThrow(message);
  });

  it('an empty id', async () => {
    const loading = new AggregateRepository(store, accounts).load('');
    await expect(loading).rejects.toThrow('An aggregate \'account\' was asked for with the id ""');
  });

  it('options of the repository', () => {
    expect(() => new AggregateRepository(store, accounts, { retries: -1 })).toThrow("Option 'retries'");
    expect(() => new AggregateRepository(store, accounts, { source: '' })).toThrow("Option 'source'");
  });
});
