import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CircuitBreakerError,
  createEvent,
  type EventBus,
  type EventErrorNotice,
  EventValidationError,
  MemoryBackend,
  MemoryInbox,
  RetryAfterError,
  UnrecoverableError,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';
import { RedeliveringBackend } from './redelivering-backend.js';

afterEach(closeBuses);

const QUICK = { minimumCalls: 2, openMs: 100 };
/** Opens with the first failure and stays so. */
const ONE_FAILURE = { minimumCalls: 1, openMs: 60_000 };
const broken = () => Promise.reject(new Error('broken'));

function circuitNotices(bus: EventBus): string[] {
  const seen: string[] = [];
  bus.errors.subscribe(({ error, handlerId, action }) => {
    if (error instanceof CircuitBreakerError) seen.push(`${action} ${handlerId} ${error.state}`);
  });
  return seen;
}

/** A bus whose backend delivers when it is told to. */
async function stage(circuitBreaker: object | boolean = ONE_FAILURE) {
  const backend = new RedeliveringBackend();
  const bus = await startBus({ backend, circuitBreaker, drainTimeoutMs: 50 });
  return { backend, bus };
}

describe.each([
  ['memory', () => new MemoryBackend({ workers: 1 })],
  ['a backend of four methods', () => new PlainBackend()],
])('on %s', (_, makeBackend) => {
  it('an open circuit keeps events waiting without a try, and lets them go when the handler is well', async () => {
    const bus = await startBus({ backend: makeBackend(), retry: { initialBackoffMs: 1, maxRetries: 2 } });
    const notices = circuitNotices(bus);
    const deferred: EventErrorNotice[] = [];
    bus.errors.subscribe((notice) => notice.action === 'deferred' && deferred.push(notice));
    let ill = true;
    const calls: string[] = [];
    const handle = async ({ data }: { data: unknown }, { attempt }: { attempt: number }) => {
      calls.push(`${String(data)} ${attempt}`);
      if (ill) throw new Error('ill');
    };
    bus.on('x', handle, { id: 'h', circuitBreaker: QUICK });
    for (const data of ['a', 'b']) await bus.emitAsync('x', data);
    await waitFor(() => notices.includes('reported h open'));
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 1 });
    expect(await bus.health()).toMatchObject({
      status: 'degraded',
      details: { circuitsOpen: 1, openCircuits: ['h'] },
    });
    for (const data of ['c', 'd', 'e']) await bus.emitAsync('x', data);
    await waitFor(() => deferred.length >= 3);
    ill = false;
    await bus.idle({ timeoutMs: 10_000 });
    expect(notices).toEqual(['reported h open', 'reported h closed']);
    // Nobody used up a try while the circuit was open: what never ran begins with the first.
    expect(calls.filter((call) => /^[cde]/.test(call)).sort()).toEqual(['c 1', 'd 1', 'e 1']);
    expect(await bus.deadLetters.size()).toBe(0);
    expect(await bus.stats()).toMatchObject({ handled: 5, circuitsOpen: 0, deadLettered: 0 });
    expect((await bus.health()).status).toBe('up');
  });
});

describe('an open circuit', () => {
  it('defers with the number of the try and the earlier failures unchanged', async () => {
    const { backend, bus } = await stage();
    bus.on('x', broken, { id: 'h', retry: 5 });
    const event = createEvent('x', 1);
    const [first] = (await backend.deliver(event)).retries;
    expect(first).toMatchObject({ attempt: 2, attempts: [{}] });
    expect(first!.deferrals ?? 0).toBe(0);
    const [second] = (await backend.retry(event, first!)).retries;
    expect(second).toMatchObject({ handlerId: 'h', attempt: 2, attempts: first!.attempts, deferrals: 1 });
    expect(second!.delayMs).toBeGreaterThan(50_000);
    expect(second!.delayMs).toBeLessThanOrEqual(66_000);
    const [third] = (await backend.retry(event, second!)).retries;
    expect(third).toMatchObject({ attempt: 2, deferrals: 2 });
  });

  it('pauses its own handler alone', async () => {
    const { backend, bus } = await stage();
    const calls: string[] = [];
    bus.on('x', broken, { id: 'ill', retry: 5, priority: 1 });
    bus.on('x', () => void calls.push('well'), { id: 'well' });
    for (let i = 0; i < 3; i++) await backend.deliver(createEvent('x', i));
    expect(calls).toHaveLength(3);
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 1 });
  });

  it('does not close because of an event that the inbox leaves out', async () => {
    const backend = new RedeliveringBackend();
    const circuitBreaker = { minimumCalls: 1, openMs: 50 };
    const bus = await startBus({ backend, circuitBreaker, inbox: new MemoryInbox() });
    let ill = false;
    bus.on('x', () => {
      if (ill) throw new Error('ill');
    });
    const handled = createEvent('x', 1);
    await backend.deliver(handled);
    ill = true;
    const failed = createEvent('x', 2);
    const [retry] = (await backend.deliver(failed)).retries;
    await waitFor(async () => (await backend.deliver(handled)).status === 'handled'); // its time is over
    expect(await bus.stats()).toMatchObject({ duplicates: 1, circuitsOpen: 1 });
    ill = false;
    expect((await backend.retry(failed, retry!)).status).toBe('handled');
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 0 });
  });

  it('is one for all patterns of a handler', async () => {
    const { backend, bus } = await stage();
    const calls: string[] = [];
    const handler = async ({ type }: { type: string }) => {
      calls.push(type);
      throw new Error('broken');
    };
    bus.on('x', handler, { id: 'h', retry: 5 });
    bus.on('y', handler, { id: 'h', retry: 5 });
    await backend.deliver(createEvent('x', 1));
    await backend.deliver(createEvent('y', 1));
    expect(calls).toEqual(['x']);
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 1 });
  });

  it('neither stops inline calls nor counts them', async () => {
    const { backend, bus } = await stage();
    let calls = 0;
    const handler = () => {
      calls++;
      throw new Error('broken');
    };
    bus.on('x', handler, { id: 'h', retry: 5 });
    await expect(bus.emitSync('x')).rejects.toThrow('broken');
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 0 });
    await backend.deliver(createEvent('x', 1));
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 1 });
    await expect(bus.emitSync('x')).rejects.toThrow('broken');
    expect(calls).toBe(3);
  });

  it('makes the later events of a key wait, and no others', async () => {
    const circuitBreaker = { minimumCalls: 1, openMs: 200 };
    const bus = await startBus({ backend: new MemoryBackend(), retry: { initialBackoffMs: 1 } });
    const order: string[] = [];
    let ill = true;
    bus.on(
      'x',
      async ({ key, data }) => {
        order.push(`${key} ${String(data)}`);
        if (ill && data === 1) throw new Error('ill');
      },
      { circuitBreaker },
    );
    bus.on('y', ({ data }) => void order.push(`y ${String(data)}`));
    await bus.emitAsync('x', 1, { key: 'a' });
    await waitFor(async () => (await bus.stats()).circuitsOpen === 1);
    await bus.emitAsync('x', 2, { key: 'a' });
    await bus.emitAsync('y', 3);
    await waitFor(() => order.includes('y 3'));
    ill = false;
    await bus.idle({ timeoutMs: 10_000 });
    expect(order).toEqual(['a 1', 'y 3', 'a 1', 'a 2']);
  });

  it('goes with its handler', async () => {
    const { backend, bus } = await stage();
    const off = bus.on('x', broken, { id: 'h', retry: 5 });
    await backend.deliver(createEvent('x', 1));
    off();
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 0 });
    expect(await bus.health()).toMatchObject({ status: 'up' });
  });
});

describe('what counts as a failure', () => {
  it.each<[string, () => unknown]>([
    ['an UnrecoverableError', () => new UnrecoverableError('no such customer')],
    ['a validation that failed', () => new EventValidationError('x', [])],
  ])('%s does not: the event is at fault', async (_, makeError) => {
    const { backend, bus } = await stage();
    bus.on('x', () => {
      throw makeError();
    });
    await backend.deliver(createEvent('x', 1));
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 0, deadLettered: 1 });
  });

  it('an interruption by shutdown or a lost lease does not', async () => {
    const { backend, bus } = await stage();
    const lease = new AbortController();
    bus.on('x', async (_, { signal }) => {
      lease.abort();
      signal.throwIfAborted();
    });
    const outcome = await backend.deliver(createEvent('x', 1), { signal: lease.signal });
    expect(outcome.status).toBe('released');
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 0 });
  });

  it.each<[string, () => Promise<unknown>, object]>([
    ['a RetryAfterError', () => Promise.reject(new RetryAfterError(5)), {}],
    ['a timeout', () => new Promise(() => undefined), { timeoutMs: 10 }],
  ])('%s does', async (_, handler, options) => {
    const { backend, bus } = await stage();
    bus.on('x', handler, options);
    await backend.deliver(createEvent('x', 1));
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 1 });
  });

  it('a handler that throws at once does, as does one that rejects', async () => {
    const { backend, bus } = await stage();
    bus.on('at once', () => {
      throw new Error('broken');
    });
    bus.on('later', broken);
    await backend.deliver(createEvent('at once', 1));
    await backend.deliver(createEvent('later', 1));
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 2 });
  });
});

describe('options', () => {
  it('of a handler go before the module’s', async () => {
    const { backend, bus } = await stage(true);
    bus.on('off', broken, { circuitBreaker: false });
    bus.on('strict', broken, { circuitBreaker: { minimumCalls: 1 } });
    bus.on('plain', broken);
    for (const type of ['off', 'strict', 'plain']) await backend.deliver(createEvent(type, 1));
    expect(await bus.stats()).toMatchObject({ circuitsOpen: 1 });
    const circuits = [...bus.parts.registry.entries()].map(({ pattern, circuit }) => [
      pattern,
      circuit?.options,
    ]);
    expect(Object.fromEntries(circuits)).toMatchObject({
      off: undefined,
      strict: { minimumCalls: 1, openMs: 30_000 },
      plain: { minimumCalls: 10 },
    });
  });

  it('that cannot work are refused, with the handler named', async () => {
    const { bus } = await stage();
    expect(() => bus.on('x', broken, { id: 'h', circuitBreaker: { openMs: -1 } })).toThrow(
      "Handler 'h' (added by on()) has circuitBreaker.openMs = -1, but it must be a number of milliseconds above 0.",
    );
  });

  it('left out cost nothing: a delivery calls the handler as an inline call does', async () => {
    const bus = await startBus(new PlainBackend());
    bus.on('x', broken);
    for (const { invoke, deliver, circuit } of bus.parts.registry.entries()) {
      expect(deliver).toBe(invoke);
      expect(circuit).toBeUndefined();
    }
  });
});
