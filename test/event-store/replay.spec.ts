import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  createEventBus,
  defineEvent,
  type Event,
  type EventBus,
  EventConfigurationError,
  type EventsModuleOptions,
  type HandlerContext,
  type HandlerOptions,
  MemoryInbox,
  ReplayConflictError,
} from 'nestjs-durable-events';
import {
  MemoryEventStore,
  ReplayEngine,
  type ReplayProgress,
  type StoredEvent,
} from 'nestjs-durable-events/store';
import { RecordingBackend } from 'nestjs-durable-events/testing';
import { waitFor } from '../support/wait-for.js';

const buses: EventBus[] = [];
afterEach(async () => {
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
});

const quick = { maxRetries: 1, initialBackoffMs: 1 };

/** A bus whose store has events, and an engine for it. */
function stage(options: EventsModuleOptions = {}, store = new MemoryEventStore()) {
  const backend = new RecordingBackend();
  const bus = createEventBus({ backend, store, retry: quick, ...options });
  buses.push(bus);
  return { bus, store, backend, engine: new ReplayEngine(bus) };
}

async function fill(store: MemoryEventStore, count: number, type = 'order.placed'): Promise<void> {
  await store.appendBatch(Array.from({ length: count }, (_, n) => createEvent(type, { n: n + 1 })));
}

const n = (event: Event) => (event.data as { n: number }).n;

/** A handler that notes what it is given, and lets the test say when it ends. */
function noting(bus: EventBus, pattern: string, options: HandlerOptions) {
  const seen: number[] = [];
  const contexts: HandlerContext[] = [];
  bus.on(
    pattern,
    (event, context) => {
      seen.push(n(event));
      contexts.push(context);
    },
    options,
  );
  return { seen, contexts };
}

describe('A replay', () => {
  it('gives what is in the store to the handlers, in order, and publishes nothing', async () => {
    const { bus, store, backend, engine } = stage();
    await fill(store, 1200);
    const { seen, contexts } = noting(bus, 'order.*', { id: 'OrderView.apply' });

    const result = await engine.replay().execute();

    expect(seen).toEqual(Array.from({ length: 1200 }, (_, i) => i + 1));
    expect(result).toMatchObject({
      state: 'completed',
      done: 1200,
      total: 1200,
      skipped: 0,
      failed: 0,
      handlers: { 'OrderView.apply': { handled: 1200, failed: 0, skipped: 0 } },
      position: await store.head(),
    });
    expect(contexts[0]).toMatchObject({
      replay: { id: result.id, name: undefined },
      redelivered: true,
      attempt: 1,
    });
    expect(backend.count()).toBe(0);
    expect(await store.count()).toBe(1200);
  });

  it('leaves out handlers that were not chosen, and those that must not do it again', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 2);
    const view = noting(bus, 'order.placed', { id: 'OrderView.apply' });
    const other = noting(bus, 'order.**', { id: 'Search.index' });
    const mail = noting(bus, '*', { id: 'Mail.send', replay: false });

    const chosen = await engine.replay().handlers('OrderView.*', 'Mail.send').execute();
    expect([view.seen, other.seen, mail.seen]).toEqual([[1, 2], [], []]);
    expect(chosen.handlers).toEqual({
      'OrderView.apply': { handled: 2, failed: 0, skipped: 0 },
      'Mail.send': { handled: 0, failed: 0, skipped: 2 },
    });
    await engine.replay().execute();
    expect([view.seen, other.seen, mail.seen]).toEqual([[1, 2, 1, 2], [1, 2], []]);
  });

  it('is told from a delivery by nothing but its context: outside of it there is no replay', async () => {
    const { bus } = stage();
    const { contexts } = noting(bus, 'order.placed', { id: 'OrderView.apply' });
    await bus.emitSync('order.placed', { n: 1 });
    expect(contexts[0]?.replay).toBeUndefined();
  });

  it('counts what no handler listens to as skipped', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 1);
    await fill(store, 3, 'unheard.of');
    noting(bus, 'order.placed', { id: 'OrderView.apply' });
    expect(await engine.replay().execute()).toMatchObject({ done: 4, skipped: 3 });
  });

  it('replays what meets the criteria', async () => {
    const { bus, store, engine } = stage();
    const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 12, minute));
    for (let minute = 0; minute < 10; minute++) {
      const event = createEvent(
        minute % 2 === 0 ? 'order.even' : 'cart.odd',
        { n: minute },
        {
          createdAt: at(minute),
          correlationId: minute < 4 ? 'early' : 'late',
        },
      );
      await store.append(event, { streamId: minute < 5 ? 'first' : 'second' });
    }
    const { seen } = noting(bus, '*', { id: 'All.see' });
    const replayed = async (run: PromiseLike<unknown>) => {
      await run;
      return seen.splice(0);
    };
    expect(await replayed(engine.replay().from(at(3)).to(at(6)).execute())).toEqual([3, 4, 5]);
    expect(await replayed(engine.replay().type('order.*').execute())).toEqual([0, 2, 4, 6, 8]);
    expect(await replayed(engine.replay().type('order.even', 'cart.odd').stream('second').execute())).toEqual(
      [5, 6, 7, 8, 9],
    );
    expect(await replayed(engine.replay().correlation('early').execute())).toEqual([0, 1, 2, 3]);
    const behind = (await store.query().limit(8).toArray()).at(-1)!.position;
    const run = engine.replay().from(behind).execute();
    expect(await replayed(run)).toEqual([8, 9]);
  });

  it('ends at what was there when it began, though handlers emit', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 3);
    bus.on('order.placed', async (event) => void (await bus.emitAsync('order.placed', event.data)), {
      id: 'Echo',
    });
    expect(await engine.replay().execute()).toMatchObject({ done: 3, total: 3 });
    expect(await store.count()).toBe(6);
    const echo = await store.query().backward().first();
    expect(echo?.causationId).toBe((await store.query().limit(3).toArray())[2]!.id);
  });

  it('gives handlers the present form of old events', async () => {
    const Placed = defineEvent('order.placed', {
      version: 2,
      aliases: ['order.created'],
      upcast: { 1: ({ total }: { total: number }) => ({ cents: total * 100 }) },
    });
    const { bus, store, engine } = stage({ schemas: [Placed] });
    await store.append(createEvent('order.created', { total: 5 }));
    const seen: unknown[] = [];
    bus.on(Placed, ({ type, version, data }) => void seen.push({ type, version, data }), { id: 'View' });
    await engine.replay().execute();
    expect(seen).toEqual([{ type: 'order.placed', version: 2, data: { cents: 500 } }]);
  });

  it('asks no inbox: the handlers have handled these events before', async () => {
    const { bus, store, engine } = stage({ inbox: new MemoryInbox() });
    await fill(store, 2);
    const { seen } = noting(bus, 'order.placed', { id: 'OrderView.apply' });
    await engine.replay().execute();
    await engine.replay().execute();
    expect(seen).toEqual([1, 2, 1, 2]);
  });

  it('tries again as the handler says, then keeps a dead letter of it, and goes on', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 3);
    const tries: string[] = [];
    const flaky = (event: Event, { attempt }: HandlerContext) => {
      tries.push(`${n(event)}/${attempt}`);
      if (n(event) === 1 && attempt === 1) throw new Error('once');
      if (n(event) === 2) throw new Error('always');
    };
    bus.on('order.placed', flaky, { id: 'Flaky' });
    const { seen } = noting(bus, 'order.placed', { id: 'Steady' });

    const result = await engine.replay().execute();

    expect(tries).toEqual(['1/1', '1/2', '2/1', '2/2', '3/1']);
    expect(seen).toEqual([1, 2, 3]);
    expect(result).toMatchObject({
      state: 'completed',
      failed: 1,
      handlers: { Flaky: { handled: 2, failed: 1 } },
    });
    const { entries } = await bus.deadLetters.list();
    expect(entries.map(({ handlerId, event, attempts }) => [handlerId, n(event), attempts.length])).toEqual([
      ['Flaky', 2, 2],
    ]);
  });

  it('keeps a dead letter of what cannot be brought into its present form, for each handler', async () => {
    const Placed = defineEvent('order.placed', { version: 1 });
    const { bus, store, engine } = stage({ schemas: [Placed] });
    await store.append(createEvent('order.placed', { n: 1 }, { version: 7 }));
    await fill(store, 1);
    const { seen } = noting(bus, 'order.placed', { id: 'View' });
    expect(await engine.replay().execute()).toMatchObject({
      done: 2,
      failed: 1,
      handlers: { View: { handled: 1 } },
    });
    expect(seen).toEqual([1]);
    const { entries } = await bus.deadLetters.list();
    expect(entries.map(({ handlerId, event }) => [handlerId, event.version])).toEqual([['View', 7]]);
  });

  it('calls nobody in a dry run, and tells what it would have called', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 5);
    const { seen } = noting(bus, 'order.placed', { id: 'OrderView.apply' });
    const result = await engine.replay().dryRun().execute();
    expect(seen).toEqual([]);
    expect(result).toMatchObject({ done: 5, handlers: { 'OrderView.apply': { handled: 5 } } });
  });

  it('handles streams side by side, and each of them in its order', async () => {
    const { bus, store, engine } = stage();
    for (let i = 0; i < 200; i++) {
      const options = i % 2 === 0 ? { streamId: `s${i % 7}` } : {};
      await store.append(createEvent('step', { n: i }, { key: `k${i % 5}` }), options);
    }
    let running = 0;
    let most = 0;
    const byLane = new Map<string, number[]>();
    const busy = new Set<string>();
    bus.on(
      'step',
      async (event) => {
        const { streamId, key } = event as { streamId?: string; key?: string };
        const lane = streamId ?? key!;
        expect(busy.has(lane)).toBe(false);
        busy.add(lane);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
        byLane.set(lane, [...(byLane.get(lane) ?? []), n(event)]);
        running--;
        busy.delete(lane);
      },
      { id: 'View' },
    );
    const result = await engine.replay().concurrency(4).execute();
    expect(result).toMatchObject({ done: 200, failed: 0 });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
    for (const numbers of byLane.values()) expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  it('begins nothing behind an event of its stream that was stopped', async () => {
    const { bus, store, engine } = stage({ retry: { maxRetries: 5, initialBackoffMs: 60_000 } });
    for (const streamId of ['a', 'a', 'b', 'a', 'b', 'b']) {
      await store.append(createEvent('step', {}), { streamId });
    }
    const calls: string[] = [];
    const handler = async (event: Event) => {
      const { streamId, streamVersion } = event as StoredEvent;
      calls.push(`${streamId}${streamVersion}`);
      if (streamId === 'a') throw new Error('down');
    };
    bus.on('step', handler, { id: 'View' });
    const run = engine.replay('steps').concurrency(3).execute();
    await waitFor(() => calls.length === 2);
    run.cancel();
    const { position, done } = await run;
    expect(calls).toEqual(['a1', 'b1']);
    expect([position, done]).toEqual([undefined, 1]);
  });

  it('keeps to its rate', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 41);
    noting(bus, 'order.placed', { id: 'View' });
    const begun = performance.now();
    await engine.replay().rate(100).execute();
    // 40 pauses of 10 ms; how much longer it takes is the machine's business.
    expect(performance.now() - begun).toBeGreaterThan(280);
  });

  it('pauses, tells so, and goes on', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 20);
    const { seen } = noting(bus, 'order.placed', { id: 'View' });
    bus.on('order.placed', (event) => void (n(event) === 5 && run.pause()), { id: 'Pause' });
    const run = engine.replay().execute();
    await waitFor(() => run.progress.state === 'paused' && run.progress.done === 5);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen).toHaveLength(5);
    run.resume();
    expect(await run).toMatchObject({ state: 'completed', done: 20 });
  });

  it('can be cancelled, also while it is paused', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 20);
    bus.on('order.placed', (event) => void (n(event) === 5 && run.pause()), { id: 'Pause' });
    const run = engine.replay().execute();
    await waitFor(() => run.progress.done === 5);
    run.cancel();
    expect(await run).toMatchObject({ state: 'cancelled', done: 5, total: 20 });
  });

  it('tells how far it is', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 30);
    noting(bus, 'order.placed', { id: 'View' });
    const told: ReplayProgress[] = [];
    await engine
      .replay()
      .rate(30)
      .onProgress((progress) => void told.push(progress))
      .execute();
    const [first] = told;
    expect(first).toMatchObject({ state: 'running', total: 30, remaining: 30 - first!.done });
    expect(first!.rate).toBeGreaterThan(1);
    expect(first!.remainingMs).toBeCloseTo((first!.remaining! / first!.rate) * 1000);
    expect(told.at(-1)).toMatchObject({ state: 'completed', done: 30, remaining: 0 });
  });

  it('reports a listener that fails, and goes on', async () => {
    const { store, engine, bus } = stage();
    await fill(store, 1);
    const reported: string[] = [];
    bus.errors.subscribe(({ error }) => reported.push(error.message));
    const run = engine.replay().onProgress(() => {
      throw new Error('no screen');
    });
    expect(await run.execute()).toMatchObject({ state: 'completed' });
    expect(reported).toContain('no screen');
  });

  it('ends when the application shuts down, and the shutdown waits for what is being handled', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 50);
    let ended = 0;
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      ended++;
    };
    bus.on('order.placed', slow, { id: 'Slow' });
    const run = engine.replay('orders').execute();
    await waitFor(() => run.progress.done >= 2);
    await bus.close();
    const atClose = ended;
    const result = await run;
    expect(result.state).toBe('interrupted');
    expect([result.done, ended]).toEqual([atClose, atClose]);
    expect(atClose).toBeLessThan(50);
  });

  it('rejects when the store fails, with its error', async () => {
    class Broken extends MemoryEventStore {
      override page = () => Promise.reject(new Error('connection lost'));
    }
    const { store, engine } = stage({}, new Broken());
    await fill(store, 1);
    const run = engine.replay().execute();
    await expect(run).rejects.toThrow('connection lost');
    expect(run.progress.state).toBe('failed');
  });

  it.each<[string, (engine: ReplayEngine) => unknown, RegExp]>([
    [
      'no such handler',
      (engine) => engine.replay().handlers('Nobody.*').execute(),
      /'Nobody.\*'.*It has View/,
    ],
    ['no handlers', (engine) => engine.replay().handlers().execute(), /'handlers'/],
    ['no types', (engine) => engine.replay().type().execute(), /'type'/],
    ['a rate of nothing', (engine) => engine.replay().rate(0).execute(), /'rate' of a replay is 0/],
    ['half a handler', (engine) => engine.replay().concurrency(0.5).execute(), /'concurrency'/],
    ['no date', (engine) => engine.replay().from(new Date('x')).execute(), /since/],
    ['an empty name', (engine) => engine.replay('').execute(), /'name'/],
  ])('refuses %s, at once', (_, begin, message) => {
    const { bus, engine } = stage();
    noting(bus, 'order.placed', { id: 'View' });
    expect(() => begin(engine)).toThrow(message);
  });

  it('needs a store', () => {
    const bus = createEventBus();
    buses.push(bus);
    expect(() => new ReplayEngine(bus)).toThrow(EventConfigurationError);
    expect(new ReplayEngine(bus, new MemoryEventStore())).toBeInstanceOf(ReplayEngine);
  });

  it('refuses a mark that means nothing', () => {
    const { bus } = stage();
    expect(() => bus.on('a', () => undefined, { id: 'A', replay: true as never })).toThrow(/replay = true/);
  });
});

describe('A replay with a name', () => {
  it('goes on where it was cancelled, with its counts, and skips and repeats nothing', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 300);
    const { seen } = noting(bus, 'order.placed', { id: 'View' });
    bus.on('order.placed', (event) => void (n(event) === 120 && run.pause()), { id: 'Pause' });
    const rebuild = engine.replay('orders').handlers('View', 'Pause');
    let run = rebuild.execute();
    await waitFor(() => run.progress.done === 120);
    run.cancel();
    await run;
    await fill(store, 5); // not meant when it began, so not meant when it goes on

    run = rebuild.rate(1_000_000).concurrency(2).execute();
    expect(await run).toMatchObject({ state: 'completed', done: 300, handlers: { View: { handled: 300 } } });
    expect(seen.length).toBe(300);
    expect(new Set(seen).size).toBe(300);
  });

  it('begins anew after it has completed, and after it was forgotten', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 3);
    const { seen } = noting(bus, 'order.placed', { id: 'View' });
    await engine.replay('orders').execute();
    await engine.replay('orders').type('order.*').execute();
    expect(seen).toEqual([1, 2, 3, 1, 2, 3]);
    bus.on('order.placed', () => run.cancel(), { id: 'Cancel' });
    const run = engine.replay('orders').execute();
    await run;
    await engine.forget('orders');
    expect(await engine.replay('orders').handlers('View').execute()).toMatchObject({ done: 3 });
  });

  it('does not go on as something else', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 3);
    bus.on('order.placed', () => run.cancel(), { id: 'Cancel' });
    const run = engine.replay('orders').execute();
    await run;
    const other = engine.replay('orders').type('order.placed').execute();
    await expect(other).rejects.toThrow(ReplayConflictError);
    await expect(other).rejects.toThrow(/forget\('orders'\)/);
  });

  it('runs once at a time', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 3);
    bus.on('order.placed', () => run.pause(), { id: 'Pause' });
    const run = engine.replay('orders').execute();
    await waitFor(() => run.progress.done === 1);
    await expect(engine.replay('orders').execute()).rejects.toThrow(/'orders' is running already/);
    run.cancel();
    await run;
  });

  it('ends when it is forgotten while it runs', async () => {
    const { bus, store, engine } = stage();
    await fill(store, 300);
    bus.on('order.placed', () => engine.forget('orders'), { id: 'Forget' });
    await expect(engine.replay('orders').execute()).rejects.toMatchObject({ code: 'EVENT_CHECKPOINT_LOST' });
  });

  it('tries again what was stopped while it waited for its next try', async () => {
    const { bus, store, engine } = stage({ retry: { maxRetries: 5, initialBackoffMs: 60_000 } });
    await fill(store, 3);
    const tries: number[] = [];
    let broken = true;
    const handler = (event: Event) => {
      tries.push(n(event));
      if (broken && n(event) === 2) throw new Error('down');
    };
    bus.on('order.placed', handler, { id: 'View' });
    const run = engine.replay('orders').execute();
    await waitFor(() => tries.includes(2));
    run.cancel();
    expect(await run).toMatchObject({ state: 'cancelled', done: 1 });
    broken = false;
    expect(await engine.replay('orders').execute()).toMatchObject({ state: 'completed', done: 3 });
    expect(tries).toEqual([1, 2, 2, 3]);
  });
});
