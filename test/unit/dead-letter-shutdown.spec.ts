import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Delivery,
  type DispatchOutcome,
  type Event,
  type EventsModuleOptions,
  MemoryBackend,
  MemoryDeadLetterStore,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses } from './buses.js';
import { mendingBus } from './dead-letter-bus.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

/** Acts on outcomes, and delivers what was released in another process: here, never. */
class Durable extends PlainBackend {
  readonly capabilities = { durable: true, redelivery: true };
  readonly redelivered: Promise<DispatchOutcome>[] = [];
  redeliver(event: Event, delivery: Delivery): Promise<void> {
    this.redelivered.push(this.dispatch!(event, delivery));
    return Promise.resolve();
  }
}

describe('a dead letter that is being retried when shutdown interrupts it', () => {
  /** Retries an entry whose handler then hangs until its signal aborts. */
  async function interrupted(backend: PlainBackend | MemoryBackend, options: EventsModuleOptions = {}) {
    const deadLetters = new MemoryDeadLetterStore();
    const mending = await mendingBus(backend, {
      deadLetters,
      drainTimeoutMs: 50,
      abortGraceMs: 2000,
      ...options,
    });
    const { bus, fail } = mending;
    const [before] = await fail('a');
    bus.off('x');
    let begun = false;
    bus.on(
      'x',
      (_, { signal }) => {
        begun = true;
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      },
      { id: 'h' },
    );
    await bus.deadLetters.retry(before!.id);
    await waitFor(() => begun);
    expect(await deadLetters.get(before!.id)).toMatchObject({ status: 'retrying' });
    const report = await bus.close();
    return { before: before!, after: (await deadLetters.get(before!.id))!, report };
  }

  it.each([
    ['a backend without redelivery', () => new PlainBackend()],
    ['a backend that is not durable', () => new MemoryBackend()],
  ])('is dead as before, with no try more: %s', async (_, backend) => {
    const { before, after, report } = await interrupted(backend());
    expect(after).toEqual({ ...before, changedAt: after.changedAt });
    expect(report.abandoned).toBe(0);
  });

  it('is told to nobody as lost', async () => {
    const reported: string[] = [];
    await interrupted(new MemoryBackend(), {
      onError: ({ action, error }) => action === 'reported' && reported.push(error.message),
    });
    expect(reported).toEqual([]);
  });

  it('stays with a durable backend, which delivers it again', async () => {
    const backend = new Durable();
    const { after } = await interrupted(backend);
    expect(after.status).toBe('retrying');
    expect(await backend.redelivered[0]).toMatchObject({
      status: 'released',
      released: [{ handlerId: 'h', deadLetterId: after.id }],
    });
  });

  it('is dead with the tries it had, when it waits for the next one in this process', async () => {
    const deadLetters = new MemoryDeadLetterStore();
    const { bus, fail, calls } = await mendingBus(new PlainBackend(), { deadLetters, drainTimeoutMs: 50 });
    const [before] = await fail('a');
    bus.off('x');
    bus.on(
      'x',
      ({ data }) => {
        calls.push(data);
        throw new Error('again');
      },
      { id: 'h', retry: { initialBackoffMs: 60_000, maxBackoffMs: 60_000 } },
    );
    calls.length = 0;
    await bus.deadLetters.retry(before!.id);
    await waitFor(() => calls.length === 1);
    await bus.close();
    const after = (await deadLetters.get(before!.id))!;
    expect(after.status).toBe('dead');
    expect(after.attempts.map(({ error }) => error.message)).toEqual(['no luck with "a"', 'again']);
  });
});
