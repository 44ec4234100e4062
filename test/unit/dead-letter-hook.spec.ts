import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  createEventBus,
  type DeadLetter,
  EventConfigurationError,
  MemoryBackend,
  MemoryDeadLetterStore,
  QueueFullError,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';
import { mendingBus, untilStatus } from './dead-letter-bus.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

describe('onDeadLetter', () => {
  it.each([
    ['a backend that keeps them', () => new MemoryBackend()],
    ['a backend that knows nothing of them', () => new PlainBackend()],
  ])('is told of every entry, and again when a retry brings it back: %s', async (_, backend) => {
    const told: DeadLetter[] = [];
    const { bus, fail } = await mendingBus(backend(), { onDeadLetter: (entry) => void told.push(entry) });
    const [a] = await fail('a', 'b');
    expect(told.map(({ event }) => event.data)).toEqual(['a', 'b']);
    expect(told[0]).toEqual(a);
    await bus.deadLetters.retry(a!.id);
    await waitFor(() => told.length === 3);
    expect(told[2]).toMatchObject({ id: a!.id, attempts: [{}, {}] });
    await untilStatus(bus, a!.id, 'dead');
    await bus.deadLetters.import([]);
    expect(told).toHaveLength(3);
  });

  it('is told of events that the backend refused as a whole', async () => {
    const told: DeadLetter[] = [];
    const bus = await startBus({
      backend: new MemoryBackend({ workers: 1, queueSize: 1 }),
      onDeadLetter: (entry) => void told.push(entry),
    });
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    bus.on('x', () => gate);
    const sent = await Promise.allSettled([1, 2, 3, 4].map((n) => bus.emitAsync('x', n)));
    const refused = sent.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.map((result) => (result as PromiseRejectedResult).reason as unknown)).toEqual(
      refused.map(() => expect.any(QueueFullError)),
    );
    expect(told.map(({ handlerId }) => handlerId)).toEqual(refused.map(() => '*'));
    open();
  });

  it('holds up nothing and harms nothing, whatever it does', async () => {
    const reported: string[] = [];
    const { bus, fail } = await mendingBus(new MemoryBackend(), {
      onDeadLetter: ({ event }) => {
        if (event.data === 'throws') throw new Error('hook threw');
        if (event.data === 'rejects') return Promise.reject(new Error('hook rejected'));
        return new Promise<void>(() => undefined);
      },
      onError: ({ action, error }) => action === 'reported' && reported.push(error.message),
    });
    await fail('throws', 'rejects', 'hangs');
    await bus.idle({ timeoutMs: 2000 });
    await waitFor(() => reported.length === 2);
    expect(reported).toEqual(['hook threw', 'hook rejected']);
  });

  it('comes before the entry is stored', async () => {
    const stored: (DeadLetter | undefined)[] = [];
    const deadLetters = new MemoryDeadLetterStore();
    const { fail } = await mendingBus(new PlainBackend(), {
      deadLetters,
      onDeadLetter: async ({ id }) => void stored.push(await deadLetters.get(id)),
    });
    await fail('a');
    expect(stored).toEqual([undefined]);
  });

  it('must be a function', () => {
    const onDeadLetter = 'page me' as unknown as () => void;
    expect(() => createEventBus({ onDeadLetter })).toThrow(EventConfigurationError);
    expect(() => createEventBus({ onDeadLetter })).toThrow(/onDeadLetter = page me.*a function/);
  });
});

describe('a notice of bus.errors', () => {
  it('tells of every dead letter', async () => {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, retry: false });
    const notices: string[] = [];
    bus.errors.subscribe(
      ({ action, handlerId, event }) => void notices.push(`${action} ${handlerId} ${event?.id}`),
    );
    bus.on('x', () => Promise.reject(new Error('no')), { id: 'h' });
    await backend.publish(createEvent('x', 1, { id: 'e' }));
    await waitFor(() => notices.length === 1);
    expect(notices).toEqual(['dead-letter h e']);
  });
});
