import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  createEventBus,
  type DispatchOutcome,
  type Event,
  type EventBus,
  type EventErrorNotice,
  type EventHandler,
  EventTimeoutError,
  InboxClaimLostError,
  type InboxOptions,
  MemoryBackend,
  MemoryInbox,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';
import { WatchedInbox } from './inboxes.js';
import { PlainBackend } from './plain-backend.js';
import { RedeliveringBackend } from './redelivering-backend.js';

afterEach(closeBuses);

const SOON = { initialBackoffMs: 1 };

/** One process of a service: a bus, a backend that delivers when it is told to, and the notices. */
async function startProcess(inbox: InboxOptions, options: object = {}) {
  const backend = new RedeliveringBackend();
  const bus = await startBus({
    backend,
    inbox,
    retry: SOON,
    drainTimeoutMs: 50,
    abortGraceMs: 50,
    ...options,
  });
  const notices: EventErrorNotice[] = [];
  bus.errors.subscribe((notice) => void notices.push(notice));
  return { backend, bus, notices };
}

/** A handler that waits until it is let go. */
function slow(then: () => unknown = () => undefined) {
  let letGo!: () => void;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const calls: string[] = [];
  const handler: EventHandler = async (event) => {
    calls.push(event.id);
    await gate;
    return then();
  };
  return { handler, calls, letGo };
}

/** Delivers again what an outcome leaves to be done, as soon as it may be, until nothing is left. */
async function deliverAll(backend: RedeliveringBackend, event: Event): Promise<DispatchOutcome> {
  let outcome = await backend.deliver(event);
  while (outcome.retries.length > 0) {
    const [retry] = outcome.retries;
    await new Promise((resolve) => setTimeout(resolve, retry!.delayMs));
    outcome = await backend.retry(event, retry!);
  }
  return outcome;
}

describe('an event that is delivered twice', () => {
  it('one after the other is handled once', async () => {
    const { backend, bus } = await startProcess({ store: new MemoryInbox() });
    const calls: string[] = [];
    bus.on('x', () => void calls.push('first'), { id: 'first' });
    bus.on('x', async () => void calls.push('second'), { id: 'second' });
    const event = createEvent('x', 1);
    expect((await backend.deliver(event)).status).toBe('handled');
    expect((await backend.deliver(event)).status).toBe('handled');
    expect(calls).toEqual(['first', 'second']);
    expect(await bus.stats()).toMatchObject({ handled: 2, duplicates: 2 });
  });

  it('at the same time is handled once: the second delivery waits for the first', async () => {
    const { backend, bus } = await startProcess({ store: new MemoryInbox() });
    const { handler, calls, letGo } = slow();
    bus.on('x', handler, { id: 'h' });
    const event = createEvent('x', 1);
    const first = backend.deliver(event);
    const second = await backend.deliver(event);
    expect(second.retries).toMatchObject([{ handlerId: 'h', attempt: 1, deferrals: 1, delayMs: 1000 }]);
    letGo();
    expect((await first).status).toBe('handled');
    expect((await backend.retry(event, second.retries[0]!)).status).toBe('handled');
    expect(calls).toEqual([event.id]);
    expect(await bus.stats()).toMatchObject({ handled: 1, duplicates: 1, deadLettered: 0 });
  });

  it('to two processes is handled by one of them', async () => {
    const store = new MemoryInbox();
    const [one, other] = [await startProcess({ store }), await startProcess({ store })];
    const { handler, calls, letGo } = slow();
    for (const { bus } of [one, other]) bus.on('x', handler, { id: 'h' });
    const event = createEvent('x', 1);
    const outcomes = [one.backend.deliver(event), other.backend.deliver(event)];
    await waitFor(() => calls.length > 0);
    letGo();
    const retries = (await Promise.all(outcomes)).flatMap((outcome) => outcome.retries);
    expect(retries).toMatchObject([{ handlerId: 'h', attempt: 1 }]);
    await Promise.all([one, other].map(({ backend }) => backend.retry(event, retries[0]!)));
    expect(calls).toEqual([event.id]);
  });

  it.each([
    ['memory', () => new MemoryBackend()],
    ['a backend of four methods', () => new PlainBackend()],
  ])('through %s has one effect', async (_, makeBackend) => {
    const bus = await startBus({ backend: makeBackend(), inbox: new MemoryInbox() });
    let calls = 0;
    bus.on('x', async () => void calls++);
    for (let i = 0; i < 3; i++) await bus.emitAsync('x', 1, { id: 'same' });
    await bus.emitAsync('x', 1, { id: 'other' });
    await bus.idle({ timeoutMs: 10_000 });
    expect(calls).toBe(2);
  });

  it('with one handler done and one failing is retried for that one alone', async () => {
    const { backend, bus } = await startProcess({ store: new MemoryInbox() });
    const calls: string[] = [];
    bus.on('x', () => void calls.push('well'), { id: 'well', priority: 1 });
    bus.on(
      'x',
      (_, { attempt }) => {
        calls.push(`ill ${attempt}`);
        if (attempt < 3) throw new Error('not yet');
      },
      { id: 'ill' },
    );
    const event = createEvent('x', 1);
    const first = await backend.deliver(event);
    expect(first.retries).toMatchObject([{ handlerId: 'ill', attempt: 2 }]);
    const copy = await backend.deliver(event);
    expect(copy.retries).toMatchObject([{ handlerId: 'ill', attempt: 2 }]);
    const third = await backend.retry(event, first.retries[0]!);
    expect((await backend.retry(event, third.retries[0]!)).status).toBe('handled');
    expect((await backend.retry(event, copy.retries[0]!)).status).toBe('handled');
    expect(calls).toEqual(['well', 'ill 1', 'ill 1', 'ill 2', 'ill 3']);
  });

  it('with the id of an event of another service is another event', async () => {
    const { backend, bus } = await startProcess({ store: new MemoryInbox() }, { source: 'orders' });
    const sources: string[] = [];
    bus.on('x', ({ source }) => void sources.push(source));
    for (const source of ['orders', 'billing', 'shipping', 'billing']) {
      await backend.deliver(createEvent('x', 1, { id: 'order-1', source }));
    }
    expect(sources).toEqual(['orders', 'billing', 'shipping']);
  });
});

describe('a handler that fails', () => {
  it('is tried again at once by another process: its claim is released before the retry is handed out', async () => {
    const store = new MemoryInbox();
    const [one, other] = [await startProcess({ store }), await startProcess({ store })];
    one.bus.on('x', () => Promise.reject(new Error('broken')), { id: 'h' });
    const attempts: number[] = [];
    other.bus.on('x', (_, { attempt }) => void attempts.push(attempt), { id: 'h' });
    const event = createEvent('x', 1);
    const [retry] = (await one.backend.deliver(event)).retries;
    expect(retry!.attempts.map(({ error }) => error.message)).toEqual(['broken']);
    expect((await other.backend.retry(event, retry!)).status).toBe('handled');
    expect(attempts).toEqual([2]);
  });

  it('to the end leaves a dead letter, whose retry it is given again', async () => {
    const store = new MemoryInbox();
    const bus = await startBus({ inbox: store, retry: false });
    let ill = true;
    let calls = 0;
    bus.on(
      'x',
      async () => {
        calls++;
        if (ill) throw new Error('ill');
      },
      { id: 'h' },
    );
    await bus.emitAsync('x', 1, { id: 'i' });
    await bus.idle({ timeoutMs: 10_000 });
    expect(await bus.deadLetters.size()).toBe(1);
    expect(store.size).toBe(0);
    ill = false;
    await bus.deadLetters.retry({});
    await bus.idle({ timeoutMs: 10_000 });
    expect(await bus.deadLetters.get('i:h')).toMatchObject({ status: 'resolved' });
    await bus.emitAsync('x', 1, { id: 'i' });
    await bus.idle({ timeoutMs: 10_000 });
    expect(calls).toBe(2);
  });
});

describe('a dead letter that is edited and retried', () => {
  it('is handled as edited, once, and the event as it was is a duplicate from then on', async () => {
    const bus = await startBus({ inbox: new MemoryInbox(), retry: false });
    const seen: unknown[] = [];
    bus.on(
      'x',
      async ({ data }) => {
        seen.push(data);
        if (data === 'bad') throw new Error('bad data');
      },
      { id: 'h' },
    );
    await bus.emitAsync('x', 'bad', { id: 'i' });
    await bus.idle({ timeoutMs: 10_000 });
    await bus.deadLetters.editAndRetry('i:h', 'good');
    await bus.idle({ timeoutMs: 10_000 });
    expect(await bus.deadLetters.get('i:h')).toMatchObject({ status: 'resolved' });
    await bus.emitAsync('x', 'bad', { id: 'i' });
    await bus.idle({ timeoutMs: 10_000 });
    expect(seen).toEqual(['bad', 'good']);
  });
});

describe('a claim', () => {
  it('that a dead process left behind is waited for, without a try, until it lapses', async () => {
    const store = new MemoryInbox();
    const { backend, bus } = await startProcess({ store, leaseMs: 30_000 });
    const attempts: number[] = [];
    bus.on('x', (_, { attempt }) => void attempts.push(attempt), { id: 'h' });
    const event = createEvent('x', 1);
    await store.claim([{ eventId: event.id, handlerId: 'h' }], 'a process that is dead', 200);
    const first = await backend.deliver(event);
    expect(first.retries).toMatchObject([{ attempt: 1, attempts: [], deferrals: 1 }]);
    expect(first.retries[0]!.delayMs).toBeLessThanOrEqual(200);
    expect(attempts).toEqual([]);
    await deliverAll(backend, event);
    expect(attempts).toEqual([1]);
  });

  it('is renewed while the handler runs, however long that takes, and not any more after it', async () => {
    const store = new WatchedInbox();
    const { backend, bus } = await startProcess({ store, leaseMs: 900 });
    const { handler, letGo } = slow();
    bus.on('x', handler, { id: 'h' });
    const event = createEvent('x', 1);
    const key = { eventId: event.id, handlerId: 'h' };
    const delivered = backend.deliver(event);
    await waitFor(() => store.count('renew') >= 4, { timeoutMs: 10_000 });
    expect(await MemoryInbox.prototype.claim.call(store, [key], 'other', 900)).toEqual([expect.any(Number)]);
    letGo();
    expect((await delivered).status).toBe('handled');
    expect(await MemoryInbox.prototype.claim.call(store, [key], 'other', 900)).toEqual(['handled']);
    const renewals = store.count('renew');
    await new Promise((resolve) => setTimeout(resolve, 700)); // two renewals, if there were any
    expect(store.count('renew')).toBe(renewals);
  });

  it('that another process took over aborts the handler’s signal, and its failure is no try', async () => {
    const store = new MemoryInbox();
    const { backend, bus } = await startProcess({ store, leaseMs: 150 });
    const event = createEvent('x', 1);
    const key = { eventId: event.id, handlerId: 'h' };
    let reason: unknown;
    bus.on(
      'x',
      async (_, { signal }) => {
        await store.complete([key], 'other', 10_000);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reason = signal.reason;
        throw reason;
      },
      { id: 'h' },
    );
    const outcome = await backend.deliver(event);
    expect(reason).toBeInstanceOf(InboxClaimLostError);
    expect(outcome.retries).toMatchObject([{ attempt: 1, attempts: [], deferrals: 1 }]);
    expect((await backend.retry(event, outcome.retries[0]!)).status).toBe('handled');
    expect(await bus.stats()).toMatchObject({ duplicates: 1, retried: 0 });
  });

  it('is released when shutdown interrupts the handler, so that another process need not wait', async () => {
    const store = new MemoryInbox();
    const { backend, bus } = await startProcess({ store });
    bus.on(
      'x',
      async (_, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        signal.throwIfAborted();
      },
      { id: 'h' },
    );
    const event = createEvent('x', 1);
    const delivered = backend.deliver(event);
    await waitFor(async () => (await bus.stats()).running > 0);
    await bus.close();
    expect((await delivered).released).toMatchObject([{ handlerId: 'h', attempt: 1 }]);
    expect(await store.claim([{ eventId: event.id, handlerId: 'h' }], 'next', 1000)).toEqual(['claimed']);
  });
});

describe('a store that is down', () => {
  it('when it is asked defers events, more and more, and neither counts tries nor gives up', async () => {
    const store = new WatchedInbox();
    store.down.add('claim').add('release');
    const { backend, bus, notices } = await startProcess({ store }, { retry: false });
    let calls = 0;
    bus.on('x', () => void calls++, { id: 'h' });
    const event = createEvent('x', 1);
    const delays: number[] = [];
    let outcome = await backend.deliver(event);
    for (let i = 0; i < 20; i++) {
      expect(outcome).toMatchObject({ deadLetters: [], retries: [{ attempt: 1, attempts: [] }] });
      delays.push(outcome.retries[0]!.delayMs);
      outcome = await backend.retry(event, outcome.retries[0]!);
    }
    expect(delays.slice(0, 7)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(calls).toBe(0);
    const reported = notices.filter(({ action }) => action === 'reported');
    expect(reported.map(({ error }) => error.message)).toEqual(['the store is down for claim']);
    store.down.clear();
    const handled = async () => (await backend.retry(event, outcome.retries[0]!)).status === 'handled';
    await waitFor(handled, { timeoutMs: 5000 });
    expect(calls).toBe(1);
  });

  it('when the handler has succeeded holds the acknowledgement back until the mark is written', async () => {
    const store = new WatchedInbox();
    store.down.add('complete');
    const { backend, bus } = await startProcess({ store, leaseMs: 150 });
    let calls = 0;
    bus.on('x', () => void calls++, { id: 'h' });
    const event = createEvent('x', 1);
    let acknowledged = false;
    const delivered = backend.deliver(event).finally(() => (acknowledged = true));
    await waitFor(() => store.count('complete') >= 2 && store.count('renew') >= 3);
    expect(acknowledged).toBe(false);
    store.down.clear();
    expect((await delivered).status).toBe('handled');
    expect((await backend.deliver(event)).status).toBe('handled');
    expect(calls).toBe(1);
  });

  it('from then on until shutdown gives the event back unacknowledged, and says so', async () => {
    const store = new WatchedInbox();
    store.down.add('complete');
    const { backend, bus, notices } = await startProcess({ store });
    bus.on('x', () => undefined, { id: 'h' });
    const delivered = backend.deliver(createEvent('x', 1));
    await waitFor(() => store.count('complete') >= 1);
    await bus.close();
    expect(await delivered).toMatchObject({ status: 'released', released: [{ handlerId: 'h', attempt: 1 }] });
    const released = notices.find(({ action }) => action === 'released');
    expect(released!.error.message).toContain("Handler 'h' has handled the event, but shutdown came before");
    expect(released!.error.message).toContain('the store is down for complete');
  });

  it('when a handler has failed does not hide that failure; the retry waits for the claim to lapse', async () => {
    const store = new WatchedInbox();
    store.down.add('release');
    const { backend, bus } = await startProcess({ store, leaseMs: 200 });
    const attempts: number[] = [];
    bus.on('x', (_, { attempt }) => {
      attempts.push(attempt);
      if (attempt === 1) throw new Error('broken');
    });
    await deliverAll(backend, createEvent('x', 1));
    expect(attempts).toEqual([1, 2]);
    expect(await bus.stats()).toMatchObject({ retried: 1, handled: 1 });
  });

  it('for a moment between two renewals goes unnoticed', async () => {
    const store = new WatchedInbox();
    const { backend, bus } = await startProcess({ store, leaseMs: 300 });
    const { handler, letGo } = slow();
    bus.on('x', handler, { id: 'h' });
    store.down.add('renew');
    const delivered = backend.deliver(createEvent('x', 1));
    await waitFor(() => store.count('renew') >= 1);
    store.down.clear();
    await waitFor(() => store.count('renew') >= 3);
    letGo();
    expect((await delivered).status).toBe('handled');
  });

  it('without ever answering is not waited for beyond a lease', async () => {
    const store = new WatchedInbox();
    store.silent.add('claim');
    const { backend, bus, notices } = await startProcess({ store, leaseMs: 100 });
    bus.on('x', () => undefined, { id: 'h' });
    const outcome = await backend.deliver(createEvent('x', 1));
    expect(outcome.retries).toMatchObject([{ handlerId: 'h', attempt: 1, deferrals: 1 }]);
    expect(notices[0]!.error).toBeInstanceOf(EventTimeoutError);
    expect(notices[0]!.error.message).toBe(
      'The inbox store did not answer claim() within its leaseMs of 100.',
    );
  });

  it('so that the answer to a claim is lost does not keep the event waiting for the lease', async () => {
    const store = new WatchedInbox();
    store.unheard.add('claim');
    store.down.add('release');
    const { backend, bus } = await startProcess({ store, leaseMs: 60_000 });
    let calls = 0;
    bus.on('x', () => void calls++, { id: 'h' });
    const event = createEvent('x', 1);
    const outcome = await backend.deliver(event);
    expect(outcome.retries).toMatchObject([{ attempt: 1, deferrals: 1 }]);
    // While the doubtful claim is not released, another one could be taken for it.
    store.unheard.clear();
    expect((await backend.retry(event, outcome.retries[0]!)).retries).toMatchObject([{ attempt: 1 }]);
    store.down.clear();
    await waitFor(() => store.count('release') === 2, { timeoutMs: 5000 });
    // Another process finds it free.
    const other = await startProcess({ store, leaseMs: 60_000 });
    other.bus.on('x', () => void calls++, { id: 'h' });
    expect((await other.backend.retry(event, outcome.retries[0]!)).status).toBe('handled');
    expect(calls).toBe(1);
  });

  it('or broken, so that answers are missing, is not taken at its word', async () => {
    class Broken extends MemoryInbox {
      override claim = () => Promise.resolve([]);
    }
    const { backend, bus, notices } = await startProcess({ store: new Broken() });
    let calls = 0;
    bus.on('x', () => void calls++);
    expect((await backend.deliver(createEvent('x', 1))).retries).toMatchObject([{ attempt: 1 }]);
    expect(calls).toBe(0);
    expect(notices[0]!.error.message).toContain('did not give one answer for each of 1 keys to claim()');
  });
});

describe('round trips', () => {
  it('are shared by all events of one turn of the event loop', async () => {
    const store = new WatchedInbox();
    const { backend, bus } = await startProcess({ store });
    bus.on('well', () => undefined, { id: 'well' });
    bus.on('ill', () => Promise.reject(new Error('ill')), { id: 'ill' });
    const types = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 'well' : 'ill'));
    await Promise.all(types.map((type) => backend.deliver(createEvent(type, 1))));
    expect(store.calls.map(({ name, keys }) => [name, keys.length])).toEqual([
      ['claim', 100],
      ['complete', 50],
      ['release', 50],
    ]);
  });

  it('belong to the async context of no event', async () => {
    const tenants = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    class Spying extends MemoryInbox {
      override claim: MemoryInbox['claim'] = (...args) => {
        seen.push(tenants.getStore());
        return super.claim(...args);
      };
    }
    const { backend, bus } = await startProcess({ store: new Spying() });
    bus.on('x', () => void seen.push(tenants.getStore()));
    await tenants.run('acme', () => backend.deliver(createEvent('x', 1)));
    expect(seen).toEqual([undefined, 'acme']);
  });
});

describe('what the inbox does not watch', () => {
  async function twice(bus: EventBus, backend: RedeliveringBackend) {
    const event = createEvent('x', 1);
    await backend.deliver(event);
    await backend.deliver(event);
    return (await bus.stats()).handled;
  }

  it('are handlers that opt out', async () => {
    const { backend, bus } = await startProcess({ store: new MemoryInbox() });
    bus.on('x', () => undefined, { inbox: false });
    expect(await twice(bus, backend)).toBe(2);
  });

  it('are broadcast handlers, which run in every process', async () => {
    const backend = Object.assign(new PlainBackend(), { capabilities: { broadcast: true } });
    const bus = await startBus({ backend, inbox: new MemoryInbox() });
    let calls = 0;
    bus.on('x', () => void calls++, { broadcast: true });
    const event = createEvent('x', 1);
    await backend.dispatch!(event);
    await backend.dispatch!(event);
    expect(calls).toBe(2);
  });

  it('are inline calls', async () => {
    const store = new WatchedInbox();
    const { bus } = await startProcess({ store });
    let calls = 0;
    bus.on('x', () => void calls++);
    await bus.emitSync('x', 1, { id: 'same' });
    await bus.emitSync('x', 1, { id: 'same' });
    expect(calls).toBe(2);
    expect(store.calls).toEqual([]);
  });
});

describe('the life of a store', () => {
  class Living extends MemoryInbox {
    readonly steps: string[] = [];
    fails = false;

    async open(service: string): Promise<void> {
      this.steps.push(`open ${service}`);
      if (this.fails) throw new Error('no route to host');
    }

    async close(): Promise<void> {
      this.steps.push('close');
    }
  }

  function bracket(store: Living) {
    class Bracketed extends PlainBackend {
      override subscribe: PlainBackend['subscribe'] = async (dispatch) => {
        store.steps.push('subscribe');
        await super.subscribe(dispatch);
      };
      override async close(): Promise<void> {
        store.steps.push('backend closed');
      }
    }
    return new Bracketed();
  }

  it('begins before the first event and ends after the last', async () => {
    const store = new Living();
    const bus = await startBus({ backend: bracket(store), inbox: store, source: 'orders' });
    await bus.close();
    await bus.close();
    expect(store.steps).toEqual(['open orders', 'subscribe', 'backend closed', 'close']);
  });

  it('that cannot begin keeps the bus from starting, until it can', async () => {
    const store = new Living();
    store.fails = true;
    const bus = createEventBus({ backend: bracket(store), inbox: store });
    await expect(bus.start()).rejects.toThrow('The store of the inbox could not be opened: no route to host');
    store.fails = false;
    await bus.start();
    await bus.close();
    expect(store.steps).toEqual(['open app', 'open app', 'subscribe', 'backend closed', 'close']);
  });
});
