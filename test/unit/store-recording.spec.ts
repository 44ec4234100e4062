import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEventBus,
  defineEvent,
  type EventBackend,
  type EventBus,
  EventConfigurationError,
  EventPublishError,
  EventSerializationError,
  type EventsModuleOptions,
} from 'nestjs-durable-events';
import { MemoryEventStore, type RecordingOptions } from 'nestjs-durable-events/store';
import { RecordingBackend } from 'nestjs-durable-events/testing';
import { waitFor } from '../support/wait-for.js';

const buses: EventBus[] = [];
afterEach(async () => {
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
});

interface Given extends Omit<RecordingOptions, 'store'> {
  readonly store?: MemoryEventStore;
  readonly backend?: EventBackend;
  readonly more?: EventsModuleOptions;
}

function recording({ store = new MemoryEventStore(), backend, more, ...options }: Given = {}) {
  const published = new RecordingBackend(backend);
  const bus = createEventBus({ backend: published, source: 'shop', store: { store, ...options }, ...more });
  buses.push(bus);
  return { bus, store, published };
}

/** A backend that refuses events of one type, and is down for all when told. */
class Refusing implements EventBackend {
  readonly name = 'refusing';
  down = false;
  async publish({ type }: { readonly type: string }) {
    if (this.down || type === 'refused') throw new Error('no room');
  }
  async close() {}
}

const states = async (store: MemoryEventStore) =>
  (await store.query().toArray()).map(({ type, publication }) => `${type} ${publication}`);

describe('A bus with a store', () => {
  it('has it in reach, and records every kind of emit with what became of it', async () => {
    const { bus, store } = recording();
    expect(bus.store).toBe(store);
    bus.on('order.placed', () => undefined);
    await bus.emitSync('order.checked', { n: 1 });
    const receipt = await bus.emitAsync('order.placed', { n: 2 });
    await bus.emit('order.placed', { n: 3 });
    await bus.emitBatch([{ type: 'order.paid' }, { type: 'order.sent' }]);

    expect(receipt).toEqual({ id: expect.any(String), backend: 'recording' });
    await waitFor(async () => (await store.count({ publication: 'published' })) === 4);
    expect(await states(store)).toEqual([
      'order.checked inline',
      'order.placed published',
      'order.placed published',
      'order.paid published',
      'order.sent published',
    ]);
  });

  it('has recorded an event before its handlers run and before the backend has it', async () => {
    const seen: string[] = [];
    const store = new MemoryEventStore();
    const backend: EventBackend = {
      name: 'looking',
      publish: async () => void seen.push(...(await states(store))),
      close: async () => undefined,
    };
    const { bus } = recording({ store, backend });
    bus.on('checked', async () => void seen.push(...(await states(store))));
    await bus.emitSync('checked');
    await bus.emitAsync('placed');
    expect(seen).toEqual(['checked inline', 'checked inline', 'placed pending']);
  });

  it('marks what the backend refuses before the caller knows of it, alone and in a batch', async () => {
    const { bus, store } = recording({ backend: new Refusing() });
    await expect(bus.emitAsync('refused')).rejects.toThrow(EventPublishError);
    const failed = await store.query().publication('failed').first();
    expect(failed?.publishError).toBe('no room');
    const results = await bus.emitBatch([{ type: 'taken' }, { type: 'refused' }]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await waitFor(async () => (await store.count({ publication: 'published' })) === 1);
    expect(await states(store)).toEqual(['refused failed', 'taken published', 'refused failed']);
  });

  it('publishes nothing that it could not record', async () => {
    class Full extends MemoryEventStore {
      override appendBatch = () => Promise.reject(new Error('disk full'));
    }
    const { bus, published } = recording({ store: new Full() });
    await expect(bus.emitAsync('order.placed')).rejects.toThrow(
      /store 'memory' did not keep event 'order.placed' .* disk full/,
    );
    const [result] = await bus.emitBatch([{ type: 'order.placed' }]);
    expect(result?.status).toBe('rejected');
    await expect(bus.emitSync('order.placed')).rejects.toThrow(EventPublishError);
    expect(published.count()).toBe(0);
  });

  it('runs no handlers and publishes nothing when the store does not open, and opens it at the next emit', async () => {
    class Late extends MemoryEventStore {
      opened = 0;
      override async open() {
        if (++this.opened === 1) throw new Error('not yet');
      }
    }
    const store = new Late();
    const { bus, published } = recording({ store });
    const results = await bus.emitBatch([{ type: 'order.placed' }]);
    expect(results[0]).toMatchObject({ status: 'rejected', reason: expect.any(EventPublishError) });
    expect(published.count()).toBe(0);
    await bus.emitAsync('order.placed');
    expect([store.opened, published.count()]).toEqual([2, 1]);
  });

  it('marks an emit whose inline handler failed as failed: it was never published', async () => {
    const { bus, store, published } = recording();
    bus.on('order.placed', () => {
      throw new Error('no stock');
    });
    await expect(bus.emit('order.placed')).rejects.toThrow('no stock');
    expect(published.count()).toBe(0);
    expect(await store.query().first()).toMatchObject({ publication: 'failed', publishError: 'no stock' });
  });

  it('lets no event spoil the append of those beside it', async () => {
    const { bus, store } = recording();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const [good, bad, other] = await Promise.allSettled([
      bus.emitAsync('good'),
      bus.emitAsync('bad', cycle),
      bus.emitAsync('other'),
    ]);
    expect([good.status, bad.status, other.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((bad as PromiseRejectedResult).reason).toBeInstanceOf(EventSerializationError);
    expect(await store.count()).toBe(2);
  });

  it('appends together what is emitted side by side, in that order', async () => {
    const sizes: number[] = [];
    class Counting extends MemoryEventStore {
      override appendBatch(...args: Parameters<MemoryEventStore['appendBatch']>) {
        sizes.push(args[0].length);
        return super.appendBatch(...args);
      }
    }
    const { bus, store } = recording({ store: new Counting() });
    await Promise.all(Array.from({ length: 1200 }, (_, n) => bus.emitAsync('counted', { n })));
    expect(sizes).toEqual([500, 500, 200]);
    const events = await store.query().toArray();
    expect(events.map(({ data }) => (data as { n: number }).n)).toEqual(events.map((_, n) => n));
  });

  it('publishes an id again that it has recorded before, and does not spoil what is known of it', async () => {
    const backend = new Refusing();
    const { bus, store } = recording({ backend });
    await bus.emitAsync('order.placed', {}, { id: 'order-1' });
    await waitFor(async () => (await store.count({ publication: 'published' })) === 1);
    backend.down = true;
    await expect(bus.emitAsync('order.placed', {}, { id: 'order-1' })).rejects.toThrow('no room');
    expect(await states(store)).toEqual(['order.placed published']);
  });

  it('records and publishes what is delayed when the backend has taken it', async () => {
    const { bus, store, published } = recording();
    await bus.emitAsync('reminder.due', {}, { delayMs: 60_000 });
    await waitFor(async () => (await store.count({ publication: 'published' })) === 1);
    expect(published.count()).toBe(1);
  });

  it('refuses a transaction that the store cannot be part of, before anything happens', async () => {
    const backend = Object.assign(new Refusing(), { capabilities: { transactions: true } });
    const { bus, store } = recording({ backend });
    const transaction = { query: async () => ({ rows: [] }) };
    await expect(bus.emitAsync('order.placed', {}, { transaction })).rejects.toThrow(
      /the store 'memory' cannot be part of one/,
    );
    expect(await store.count()).toBe(0);
  });

  it('tells the store on close what it has not told yet', async () => {
    const { bus, store } = recording();
    await bus.emitAsync('order.placed');
    expect(await states(store)).toEqual(['order.placed pending']);
    await bus.close();
    expect(await states(store)).toEqual(['order.placed published']);
  });

  it('tells the store again until it listens', async () => {
    let refusals = 2;
    class Deaf extends MemoryEventStore {
      override async settle(...args: Parameters<MemoryEventStore['settle']>) {
        if (refusals-- > 0) throw new Error('not now');
        return super.settle(...args);
      }
    }
    const { bus, store } = recording({ store: new Deaf(), backend: new Refusing() });
    const reported: string[] = [];
    bus.errors.subscribe(({ error }) => reported.push(error.message));
    await expect(bus.emitAsync('refused')).rejects.toThrow('no room');
    await waitFor(async () => (await store.count({ publication: 'failed' })) === 1);
    expect(reported).toEqual(['not now', 'not now']);
  });

  it('records an event as it was emitted, and publishes it in the version that consumers know', async () => {
    const Placed = defineEvent('order.placed', {
      version: 2,
      publishVersion: 1,
      upcast: { 1: ({ total }: { total: number }) => ({ cents: total * 100 }) },
      downcast: { 2: ({ cents }: { cents: number }) => ({ total: cents / 100 }) },
    });
    const { bus, store, published } = recording({ more: { schemas: [Placed] } });
    await bus.emitAsync(Placed, { cents: 500 });
    expect(published.published()[0]).toMatchObject({ version: 1, data: { total: 5 } });
    expect(await store.query().first()).toMatchObject({ version: 2, data: { cents: 500 } });
  });

  it('reads what is older with the definitions of the bus', async () => {
    const store = new MemoryEventStore();
    const before = recording({ store, more: { source: 'shop' } });
    await before.bus.emitAsync('order.placed', { total: 5 });
    const Placed = defineEvent('order.placed', {
      version: 2,
      upcast: { 1: ({ total }: { total: number }) => ({ cents: total * 100 }) },
    });
    recording({ store, more: { schemas: [Placed] } });
    expect(await store.query().first()).toMatchObject({ version: 2, data: { cents: 500 } });
  });
});

describe('The option store', () => {
  it('may be the store alone', async () => {
    const store = new MemoryEventStore();
    const bus = createEventBus({ store });
    buses.push(bus);
    await bus.emitAsync('order.placed');
    expect(await store.count()).toBe(1);
  });

  it('keeps only the types it is told to, and publishes the others all the same', async () => {
    const { bus, store, published } = recording({ types: ['order.*', 'user.created'] });
    for (const type of ['order.placed', 'user.created', 'user.deleted']) await bus.emitAsync(type);
    await bus.emitSync('user.deleted');
    await bus.emitBatch([{ type: 'user.deleted' }, { type: 'order.paid' }, { type: 'user.deleted' }]);
    expect(published.published().map(({ type }) => type)).toHaveLength(6);
    const kept = (await store.query().toArray()).map(({ type }) => type);
    expect(kept).toEqual(['order.placed', 'user.created', 'order.paid']);
  });

  it('puts events into the streams that it names', async () => {
    const stream = ({ data }: { data: unknown }) => (data as { order?: string }).order;
    const { bus, store } = recording({ stream });
    await bus.emitBatch(
      ['a', 'b', 'a', undefined].map((order) => ({ type: 'order.changed', data: { order } })),
    );
    const places = (await store.query().toArray()).map(
      ({ streamId, streamVersion }) => `${streamId} ${streamVersion}`,
    );
    expect(places.sort()).toEqual(['a 1', 'a 2', 'b 1', 'undefined undefined']);
  });

  it('fails the one event whose stream is no stream', async () => {
    const stream = ({ data }: { data: unknown }) => data as string;
    const { bus, store } = recording({ stream });
    const [bad, good] = await Promise.allSettled([bus.emitAsync('a', 7), bus.emitAsync('a', 'order-1')]);
    expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(EventConfigurationError) });
    expect([good.status, await store.count()]).toEqual(['fulfilled', 1]);
  });

  it('redacts what is written and nothing else', async () => {
    const { bus, store, published } = recording({
      redact: [
        'data.password',
        'data.cards.*.number',
        'data.born',
        'metadata.custom.token',
        'data.not.there',
      ],
    });
    const data = {
      name: 'Ada',
      password: 'secret',
      cards: [{ number: '4111', kind: 'visa' }, { number: '4222' }],
      born: new Date(0),
    };
    const metadata = { userId: 'u1', custom: { token: 'secret', page: 2 } };
    await bus.emitAsync('signup', data, { metadata, key: 'k1' });

    const stored = await store.query().first();
    expect(stored?.data).toEqual({
      name: 'Ada',
      password: '[redacted]',
      cards: [{ number: '[redacted]', kind: 'visa' }, { number: '[redacted]' }],
      born: '[redacted]',
    });
    expect(stored?.metadata).toEqual({ userId: 'u1', custom: { token: '[redacted]', page: 2 } });
    expect(stored?.key).toBe('k1');
    const [whole] = published.published();
    expect(whole?.data).toBe(data);
    expect(whole?.metadata).toEqual(metadata);
    expect(stored?.id).toBe(whole?.id);
  });

  it.each<[string, object, RegExp]>([
    ['a store that is none', { store: { store: {} } }, /store = .*an event store, such as/],
    ['no store', { store: null }, /store = null/],
    ['an option it does not know', { store: { store: new MemoryEventStore(), kind: 1 } }, /'kind'/],
    ['an unknown mode', { mode: 'append' }, /'mode' of .* is 'append'.*'record' or 'publish'/],
    ['no types', { types: [] }, /'types'.*one at least/],
    ['a pattern that is none', { types: 'order.pl*' }, /'order.pl\*'/],
    ['a stream that is no function', { stream: 'orders' }, /'stream'/],
    ['a path outside', { redact: ['password'] }, /'redact'.*'password'.*data.password/],
    ['a path with a hole', { redact: ['data..x'] }, /'redact'/],
    ['a whole part', { redact: ['metadata'] }, /'redact'/],
    ['a name without a checkpoint', { name: 'x' }, /'name'.*mode 'publish'/],
    ['a lease without a checkpoint', { leaseMs: 1000 }, /'leaseMs'.*mode 'publish'/],
    ['no lease', { mode: 'publish', leaseMs: 0 }, /'leaseMs'/],
    ['an empty name', { mode: 'publish', name: '' }, /'name'.*non-empty/],
    ['a redaction that could not keep its promise', { mode: 'publish', redact: ['data.x'] }, /'redact'/],
  ])('refuses %s', (_, given, message) => {
    const store = 'store' in given ? given.store : { store: new MemoryEventStore(), ...given };
    expect(() => createEventBus({ store } as EventsModuleOptions)).toThrow(message);
  });
});
