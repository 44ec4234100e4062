import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  type EventErrorNotice,
  type EventHandler,
  type HandlerOptions,
  InboxClaimLostError,
  MemoryInbox,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';
import { MemoryTransaction, TransactionalInbox } from './inboxes.js';
import { RedeliveringBackend } from './redelivering-backend.js';

afterEach(closeBuses);

const event = createEvent('x', 1);
const key = { eventId: event.id, handlerId: 'h' };

/** A bus with one handler `h`, whose inbox has transactions. */
async function stage(handler: EventHandler, options: HandlerOptions = {}, busOptions: object = {}) {
  const backend = new RedeliveringBackend();
  const store = new TransactionalInbox();
  const bus = await startBus({ backend, inbox: { store, leaseMs: 200 }, retry: false, ...busOptions });
  const notices: EventErrorNotice[] = [];
  bus.errors.subscribe((notice) => void notices.push(notice));
  bus.on('x', handler, { id: 'h', ...options });
  return { backend, bus, store, notices };
}

describe('context.transaction(work)', () => {
  it('writes and marks in one step, gives back what work returns, and is not marked again', async () => {
    const results: unknown[] = [];
    const { backend, bus, store } = await stage(async (_, { transaction }) => {
      results.push(
        await transaction(async (client) => {
          await client.query('row');
          return 'result';
        }),
      );
    });
    await backend.deliver(event);
    expect(results).toEqual(['result']);
    expect(store.rows).toEqual(['row']);
    expect(store.count('complete')).toBe(0);
    await backend.deliver(event);
    expect(store.rows).toEqual(['row']);
    expect(await bus.stats()).toMatchObject({ handled: 1, duplicates: 1 });
  });

  it('that fails writes nothing, and the event is tried again', async () => {
    const { backend, store } = await stage(
      async (_, { transaction, attempt }) => {
        await transaction(async (client) => {
          await client.query(`row ${attempt}`);
          if (attempt === 1) throw new Error('broken');
        });
      },
      { retry: 1 },
    );
    const { retries } = await backend.deliver(event);
    expect(store.rows).toEqual([]);
    expect(retries).toMatchObject([{ attempt: 2, attempts: [{ error: { message: 'broken' } }] }]);
    await backend.retry(event, retries[0]!);
    expect(store.rows).toEqual(['row 2']);
  });

  it('may be tried once more by a handler whose first one was rolled back', async () => {
    const { backend, store } = await stage(async (_, { transaction }) => {
      await transaction(() => Promise.reject(new Error('serialization failure'))).catch(() => undefined);
      await transaction((client) => client.query('row'));
    });
    expect((await backend.deliver(event)).status).toBe('handled');
    expect(store.rows).toEqual(['row']);
  });

  it('that committed before the handler failed has handled the event; the failure is reported', async () => {
    const { backend, bus, store, notices } = await stage(async (_, { transaction }) => {
      await transaction((client) => client.query('row'));
      throw new Error('too late');
    });
    expect(await backend.deliver(event)).toMatchObject({ status: 'handled', deadLetters: [], retries: [] });
    expect(await bus.stats()).toMatchObject({ handled: 1, deadLettered: 0 });
    expect(notices).toMatchObject([{ action: 'reported', handlerId: 'h', event: { id: event.id } }]);
    expect(notices[0]!.error.message).toContain(
      'failed after its transaction had marked the event as handled',
    );
    expect(notices[0]!.error.message).toContain('too late');
    expect(store.rows).toEqual(['row']);
  });

  it('of which nobody knows whether it committed is looked up in the store', async () => {
    const { backend, store, notices } = await stage((_, { transaction }) =>
      transaction((client) => client.query('row')),
    );
    store.commitFailure = new Error('connection lost during commit');
    expect(await backend.deliver(event)).toMatchObject({ status: 'handled', deadLetters: [] });
    expect(notices).toMatchObject([{ action: 'reported' }]);
    expect(store.rows).toEqual(['row']);
  });

  it('of which nobody can find out is deferred, not counted and not given up', async () => {
    const { backend, store } = await stage((_, { transaction }) =>
      transaction((client) => {
        store.down.add('claim');
        return client.query('row');
      }),
    );
    store.commitFailure = new Error('connection lost during commit');
    const { retries, deadLetters } = await backend.deliver(event);
    expect(deadLetters).toEqual([]);
    expect(retries).toMatchObject([{ attempt: 1, attempts: [], deferrals: 1 }]);
    store.down.clear();
    expect((await backend.retry(event, retries[0]!)).status).toBe('handled');
    expect(store.rows).toEqual(['row']);
  });

  it('of a claim that another process has taken over is rolled back, and is no try', async () => {
    const { backend, bus, store } = await stage(async (_, { transaction }) => {
      await store.release([key], store.lastOwner);
      await MemoryInbox.prototype.claim.call(store, [key], 'other', 30_000);
      await transaction((client) => client.query('row'));
    });
    const { retries, deadLetters } = await backend.deliver(event);
    expect(deadLetters).toEqual([]);
    expect(retries).toMatchObject([{ attempt: 1, attempts: [], deferrals: 1 }]);
    expect(store.rows).toEqual([]);
    expect(await bus.stats()).toMatchObject({ retried: 0, deadLettered: 0 });
  });

  it('cannot begin when the handler’s time was up', async () => {
    let refused: unknown;
    const { backend, store } = await stage(
      async (_, { transaction, signal, attempt }) => {
        if (attempt === 2) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        await waitFor(() => store.count('release') > 0);
        await transaction((client) => client.query('late row')).catch((error: unknown) => (refused = error));
      },
      { timeoutMs: 20, retry: 1 },
    );
    const { retries } = await backend.deliver(event);
    expect(retries).toMatchObject([{ attempt: 2, attempts: [{ error: { name: 'EventTimeoutError' } }] }]);
    expect(await waitFor(() => refused)).toBeInstanceOf(InboxClaimLostError);
    expect(store.rows).toEqual([]);
    expect((await backend.retry(event, retries[0]!)).status).toBe('handled');
  });

  it('that outlives the handler’s time cannot have a second effect', async () => {
    let finish!: () => void;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const ended: unknown[] = [];
    const { backend, store } = await stage(
      async (_, { transaction, attempt }) => {
        const work = async (client: { query(text: string): Promise<unknown> }) => {
          await client.query(`row ${attempt}`);
          if (attempt === 1) await gate;
        };
        await transaction(work).then(
          () => ended.push('committed'),
          (error: unknown) => ended.push(error),
        );
      },
      { timeoutMs: 50, retry: 1 },
    );
    const { retries } = await backend.deliver(event);
    await backend.retry(event, retries[0]!);
    finish();
    await waitFor(() => ended.length === 2);
    expect(ended).toEqual(['committed', expect.any(InboxClaimLostError)]);
    expect(store.rows).toEqual(['row 2']);
  });

  it('works within a timeout and middleware, and keeps the claim for as long as it takes', async () => {
    const { backend, store } = await stage(
      (_, { transaction }) =>
        transaction(async (client) => {
          await client.query('row');
          await waitFor(() => store.count('renew') >= 4);
        }),
      { timeoutMs: 10_000 },
      {
        middleware: [
          (next: EventHandler): EventHandler =>
            (given, context) =>
              next(given, context),
        ],
      },
    );
    expect((await backend.deliver(event)).status).toBe('handled');
    expect(store.rows).toEqual(['row']);
  });
});

describe('context.transaction(client)', () => {
  it('marks in a transaction of the handler’s own', async () => {
    const { backend, bus, store } = await stage(async (_, { transaction }) => {
      const client = new MemoryTransaction();
      await client.query('row');
      await transaction(client);
      await store.commit(client, key);
    });
    await backend.deliver(event);
    await backend.deliver(event);
    expect(store.rows).toEqual(['row']);
    expect(await bus.stats()).toMatchObject({ handled: 1, duplicates: 1 });
  });

  it('is marked all the same when the handler succeeds without having committed', async () => {
    const { backend, bus } = await stage((_, { transaction }) => transaction(new MemoryTransaction()));
    await backend.deliver(event);
    await backend.deliver(event);
    expect(await bus.stats()).toMatchObject({ handled: 1, duplicates: 1 });
  });

  it('that was committed before the handler failed has handled the event', async () => {
    const { backend, store, notices } = await stage(async (_, { transaction }) => {
      const client = new MemoryTransaction();
      await client.query('row');
      await transaction(client);
      await store.commit(client, key);
      throw new Error('too late');
    });
    expect(await backend.deliver(event)).toMatchObject({ status: 'handled', deadLetters: [] });
    expect(notices).toMatchObject([{ action: 'reported' }]);
  });

  it('that was rolled back when the handler failed has not', async () => {
    const { backend, store } = await stage(
      async (_, { transaction }) => {
        await transaction(new MemoryTransaction());
        throw new Error('broken');
      },
      { retry: 1 },
    );
    const { retries } = await backend.deliver(event);
    expect(retries).toMatchObject([{ attempt: 2, attempts: [{ error: { message: 'broken' } }] }]);
    expect(await store.claim([key], 'other', 1000)).toEqual(['claimed']);
  });
});

describe('a transaction that cannot be had', () => {
  const transact: EventHandler = (_, { transaction }) => transaction((client) => client.query('row'));

  it('for a second time in one call is refused: the first one has marked the event', async () => {
    const errors: unknown[] = [];
    const { backend, store } = await stage(async (_, { transaction }) => {
      await transaction((client) => client.query('first'));
      await transaction((client) => client.query('second')).catch((error: unknown) => errors.push(error));
    });
    await backend.deliver(event);
    expect(errors).toMatchObject([
      { code: 'EVENT_CONFIGURATION', message: expect.stringContaining('a second time for one event') },
    ]);
    expect(store.rows).toEqual(['first']);
  });

  it.each<[string, object, string]>([
    ['an inbox', { inbox: undefined }, 'but EventsModule has no inbox.'],
    ['a store with transactions', { inbox: new MemoryInbox() }, "the module's inbox has no transactions."],
  ])('for want of %s is an error that names the fix', async (_, options, message) => {
    const { backend, bus } = await stage(transact, { retry: 5 }, options);
    const { deadLetters } = await backend.deliver(event);
    const [attempt] = (await bus.deadLetters.get(`${event.id}:h`))!.attempts;
    expect(deadLetters).toEqual([]); // in the core's store
    expect(attempt!.error).toMatchObject({ code: 'EVENT_CONFIGURATION' });
    expect(attempt!.error.message).toContain(message);
    expect(attempt!.error.message).toContain("Give the option 'inbox' of EventsModule a store");
    await expect(bus.emitSync('x')).rejects.toThrow(message);
  });

  it('with a mark is had without one: inline, and by handlers that the inbox does not watch', async () => {
    const { bus, backend, store } = await stage(async (_, { transaction }) => {
      await transaction((client) => client.query('row'));
      await transaction(new MemoryTransaction());
    });
    bus.on('y', transact, { inbox: false });
    await bus.emitSync('x');
    await backend.deliver(createEvent('y', 1));
    expect(store.rows).toEqual(['row', 'row']);
    expect(store.calls).toEqual([]);
  });
});
