import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  createEventBus,
  defineEvent,
  type Event,
  type EventBackend,
  type EventBus,
  EventConfigurationError,
  type EventsModuleOptions,
  EventTooLargeError,
  MemoryBackend,
  type PublishOptions,
} from 'nestjs-durable-events';
import { MemoryEventStore, type RecordingOptions } from 'nestjs-durable-events/store';
import { waitFor } from '../support/wait-for.js';

const buses: EventBus[] = [];
afterEach(async () => {
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
});

/** Notes what is published, and refuses what it is told to. */
class Wire implements EventBackend {
  readonly name = 'wire';
  readonly sent: { readonly event: Event; readonly options: PublishOptions | undefined }[] = [];
  refusal: ((event: Event) => Error | undefined) | undefined;

  constructor(readonly capabilities: EventBackend['capabilities'] = { dedup: true }) {}

  async publish(event: Event, options?: PublishOptions) {
    const error = this.refusal?.(event);
    if (error !== undefined) throw error;
    this.sent.push({ event, options });
  }

  async close() {}

  get types(): string[] {
    return this.sent.map(({ event }) => event.type);
  }
}

interface Given extends Partial<RecordingOptions> {
  readonly backend?: EventBackend;
  readonly more?: EventsModuleOptions;
}

function publishing(
  store: MemoryEventStore,
  { backend = new Wire(), more, ...options }: Given = {},
): EventBus {
  const bus = createEventBus({
    backend,
    source: 'shop',
    store: { store, mode: 'publish', ...options },
    ...more,
  });
  buses.push(bus);
  return bus;
}

describe('A bus that publishes from its store', () => {
  it('answers for the store, and publishes in its order what is emitted and what is appended', async () => {
    const store = new MemoryEventStore();
    const wire = new Wire();
    const bus = publishing(store, { backend: wire });
    await bus.start();
    const receipt = await bus.emitAsync('order.placed', { n: 1 });
    expect(receipt).toEqual({ id: expect.any(String), backend: 'memory' });
    await store.append(createEvent('order.paid', {}), { streamId: 'order-1' });
    await bus.emitBatch([{ type: 'order.sent' }, { type: 'order.closed' }]);
    await bus.emit('order.rated');
    await bus.idle({ timeoutMs: 5000 });

    expect(wire.types).toEqual(['order.placed', 'order.paid', 'order.sent', 'order.closed', 'order.rated']);
    expect(wire.sent[0]).toMatchObject({ event: { id: receipt.id }, options: { deduplicate: true } });
    await waitFor(async () => (await store.count({ publication: 'published' })) === 5);
  });

  it('tells a backend that knows no ids nothing of them', async () => {
    const wire = new Wire({});
    const bus = publishing(new MemoryEventStore(), { backend: wire });
    await bus.start();
    await bus.emitAsync('order.placed');
    await bus.idle({ timeoutMs: 5000 });
    expect(wire.sent[0]?.options).toBeUndefined();
  });

  it('does not publish what was in the store before it was used the first time, but all that is emitted before it starts', async () => {
    const store = new MemoryEventStore();
    await store.append(createEvent('history', {}));
    const wire = new Wire();
    const bus = publishing(store, { backend: wire });
    await bus.emitAsync('early');
    expect(wire.types).toEqual([]);
    await bus.start();
    await bus.idle({ timeoutMs: 5000 });
    expect(wire.types).toEqual(['early']);
  });

  it('publishes what another process left behind, and nothing twice', async () => {
    const store = new MemoryEventStore();
    const wire = new Wire();
    const first = publishing(store, { backend: wire });
    await first.emitAsync('first'); // and dies before it started
    const second = publishing(store, { backend: wire });
    await second.start();
    await second.idle({ timeoutMs: 5000 });
    await second.close();
    const third = publishing(store, { backend: wire });
    await third.emitAsync('third');
    await third.start();
    await third.idle({ timeoutMs: 5000 });
    expect(wire.types).toEqual(['first', 'third']);
  });

  it('never publishes what emitSync handled, and runs inline handlers once', async () => {
    const store = new MemoryEventStore();
    const bus = publishing(store, { backend: new MemoryBackend() });
    const calls: string[] = [];
    bus.on('order.placed', () => void calls.push('inline'));
    bus.on('order.placed', () => void calls.push('later'), { async: true });
    await bus.start();
    await bus.emitSync('order.placed');
    expect(calls).toEqual(['inline', 'later']);
    await bus.emit('order.placed');
    await bus.idle({ timeoutMs: 5000 });
    expect(calls).toEqual(['inline', 'later', 'inline', 'later']);
    const states = (await store.query().toArray()).map(({ publication }) => publication);
    expect(states[0]).toBe('inline');
  });

  it('keeps at it while the backend is down, in order, and says so', async () => {
    const store = new MemoryEventStore();
    const wire = new Wire();
    let failures = 0;
    wire.refusal = ({ type }) =>
      type === 'first' && failures++ < 2 ? new Error('broker is down') : undefined;
    const bus = publishing(store, { backend: wire });
    const reported: string[] = [];
    bus.errors.subscribe(({ error }) => reported.push(error.message));
    await bus.start();
    await bus.emitAsync('first');
    await bus.emitAsync('second');
    await bus.idle({ timeoutMs: 5000 });
    expect(wire.types).toEqual(['first', 'second']);
    expect(reported).toEqual([
      expect.stringContaining('broker is down'),
      expect.stringContaining('broker is down'),
    ]);
  });

  it('marks what the backend will never take, and goes on', async () => {
    const store = new MemoryEventStore();
    const wire = new Wire();
    wire.refusal = ({ type }) => (type === 'large' ? new EventTooLargeError('2 MB of 1 MB') : undefined);
    const bus = publishing(store, { backend: wire });
    await bus.start();
    await bus.emitBatch([{ type: 'large' }, { type: 'small' }]);
    await bus.idle({ timeoutMs: 5000 });
    expect(wire.types).toEqual(['small']);
    expect(await store.query().publication('failed').first()).toMatchObject({
      type: 'large',
      publishError: '2 MB of 1 MB',
    });
  });

  it('has one of two processes publish, and lets the other go on', async () => {
    /** Two processes have two, so that closing one closes nothing of the other. */
    class Shared extends MemoryEventStore {
      override async close() {}
    }
    const store = new Shared();
    const wires = [new Wire(), new Wire()];
    const [first, second] = wires.map((backend) => publishing(store, { backend }));
    await first!.start();
    await first!.emitAsync('a');
    await first!.idle({ timeoutMs: 5000 });
    await second!.start();
    await second!.emitAsync('b');
    await second!.idle({ timeoutMs: 5000 });
    await first!.close();
    await second!.emitAsync('c');
    await second!.idle({ timeoutMs: 10_000 });
    expect(wires.map(({ types }) => types)).toEqual([['a', 'b'], ['c']]);
  });

  it('publishes the version that consumers know, and what is newer than its own definitions as it is', async () => {
    const Placed = defineEvent('order.placed', {
      version: 2,
      publishVersion: 1,
      downcast: { 2: ({ cents }: { cents: number }) => ({ total: cents / 100 }) },
    });
    const wire = new Wire();
    const store = new MemoryEventStore();
    const bus = publishing(store, {
      backend: wire,
      more: { schemas: [Placed, defineEvent('order.paid', {})] },
    });
    await bus.start();
    await bus.emitAsync(Placed, { cents: 500 });
    await store.append(createEvent('order.paid', { by: 'card' }, { version: 9 }));
    await bus.idle({ timeoutMs: 5000 });
    expect(wire.sent.map(({ event: { version, data } }) => ({ version, data }))).toEqual([
      { version: 1, data: { total: 5 } },
      { version: 9, data: { by: 'card' } },
    ]);
  });

  it('publishes types that are not to be kept as if there were no store', async () => {
    const store = new MemoryEventStore();
    const wire = new Wire({ delay: true });
    const bus = publishing(store, { backend: wire, types: 'order.*' });
    await bus.emitAsync('user.created', {}, { delayMs: 10 });
    expect(wire.types).toEqual(['user.created']);
    expect(await store.count()).toBe(0);
  });

  it('leaves out an id that it has', async () => {
    const bus = publishing(new MemoryEventStore());
    await bus.emitAsync('order.placed', {}, { id: 'order-1' });
    const again = await bus.emitAsync('order.placed', {}, { id: 'order-1' });
    expect(again).toEqual({ id: 'order-1', backend: 'memory', duplicate: true });
  });

  it('refuses delays and transactions that it cannot keep', async () => {
    const bus = publishing(new MemoryEventStore(), {
      backend: new Wire({ delay: true, transactions: true }),
    });
    await expect(bus.emitAsync('a', {}, { delayMs: 10 })).rejects.toThrow(
      /with a delay, but with mode 'publish'/,
    );
    const transaction = { query: async () => ({ rows: [] }) };
    await expect(bus.emitAsync('a', {}, { transaction })).rejects.toThrow(EventConfigurationError);
  });
});
