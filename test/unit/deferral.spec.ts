import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  type DispatchOutcome,
  type EventErrorNotice,
  type HandlerRetry,
  MemoryBackend,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';
import { RedeliveringBackend } from './redelivering-backend.js';

afterEach(closeBuses);

const event = createEvent('x', 1);

async function stage(capabilities: object = {}) {
  const backend = new RedeliveringBackend();
  Object.assign(backend.capabilities, capabilities);
  const bus = await startBus({
    backend,
    circuitBreaker: { minimumCalls: 1 },
    retry: { initialBackoffMs: 1 },
  });
  return { backend, bus };
}

describe('a delivery for a handler that this process does not have', () => {
  it('is left to others, less and less often, and is a dead letter when nobody has it', async () => {
    const { backend, bus } = await stage();
    const delays: number[] = [];
    let retry: HandlerRetry = { handlerId: 'gone', attempt: 3, delayMs: 0, attempts: [] };
    let outcome: DispatchOutcome;
    for (;;) {
      outcome = await backend.retry(event, retry);
      if (outcome.retries.length === 0) break;
      expect(outcome.retries).toMatchObject([{ handlerId: 'gone', attempt: 3, attempts: [] }]);
      retry = outcome.retries[0]!;
      delays.push(retry.delayMs);
    }
    const [s1, s2, s4, s8, s16, s30] = [1000, 2000, 4000, 8000, 16_000, 30_000];
    expect(delays).toEqual([s1, s2, s4, s8, s16, s30, s30, s30, s30, s30, s30, s30]);
    const { entries } = await bus.deadLetters.list();
    expect(entries).toMatchObject([{ handlerId: 'gone', status: 'dead' }]);
    expect(entries[0]!.attempts.at(-1)!.error.message).toContain(
      'this process has no handler of that id for it',
    );
  });

  it('is a dead letter at once where nobody else could have it', async () => {
    const { backend, bus } = await stage({ shared: false });
    const outcome = await backend.deliver(event, { handlerId: 'gone' });
    expect(outcome).toMatchObject({ status: 'failed', retries: [] });
    expect(await bus.deadLetters.size()).toBe(1);
  });

  it('goes to a handler that came in the meantime', async () => {
    const { backend, bus } = await stage();
    const outcome = await backend.deliver(event, { handlerId: 'late', attempt: 2 });
    const attempts: number[] = [];
    bus.on('x', (_, { attempt }) => void attempts.push(attempt), { id: 'late' });
    expect((await backend.retry(event, outcome.retries[0]!)).status).toBe('handled');
    expect(attempts).toEqual([2]);
  });
});

describe('the count of deferrals', () => {
  it('begins anew after a real try', async () => {
    const { backend, bus } = await stage();
    bus.on('x', () => Promise.reject(new Error('broken')), { id: 'h', circuitBreaker: false });
    const outcome = await backend.deliver(event, { handlerId: 'h', attempt: 1, deferrals: 4 });
    expect(outcome.retries[0]!.attempt).toBe(2);
    expect(outcome.retries[0]!.deferrals ?? 0).toBe(0);
  });

  it('of a handler that is there does not use up the patience for one that is not', async () => {
    const { backend, bus } = await stage();
    const off = bus.on('x', () => Promise.reject(new Error('broken')), { id: 'h' });
    let [retry] = (await backend.deliver(event)).retries;
    for (let i = 0; i < 50; i++) [retry] = (await backend.retry(event, retry!)).retries;
    off();
    for (let i = 0; i < 6; i++) [retry] = (await backend.retry(event, retry!)).retries;
    expect(retry).toMatchObject({ handlerId: 'h', attempt: 2 });
    expect(await bus.deadLetters.size()).toBe(0);
  });

  it.each([
    ['memory', () => new MemoryBackend()],
    ['a backend of four methods', () => new PlainBackend()],
  ])('goes on from one delivery to the next on %s', async (_, makeBackend) => {
    const store = {
      claim: () => Promise.reject(new Error('down')),
      complete: () => Promise.resolve(),
      release: () => Promise.resolve(),
      renew: () => Promise.resolve([]),
    };
    const bus = await startBus({ backend: makeBackend(), inbox: store, drainTimeoutMs: 10 });
    const notices: EventErrorNotice[] = [];
    bus.errors.subscribe((notice) => notice.action === 'deferred' && notices.push(notice));
    bus.on('x', () => undefined);
    await bus.emitAsync('x', 1);
    await waitFor(() => notices.length === 2);
    expect(notices.map(({ delayMs, attempt }) => [delayMs, attempt])).toEqual([
      [1000, 1],
      [2000, 1],
    ]);
  });
});
