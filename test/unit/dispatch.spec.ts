import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type DeadLetter,
  type Event,
  type EventErrorNotice,
  type HandlerContext,
  MemoryDeadLetterStore,
  RetryAfterError,
  UnrecoverableError,
} from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

const SOON = { initialBackoffMs: 1 };

describe('a backend of four methods', () => {
  it('has failed handlers retried, each for itself, before the dispatcher resolves', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    const steps: string[] = [];
    const note = (name: string, { attempt, redelivered }: HandlerContext) =>
      steps.push(`${name} ${attempt} ${redelivered}`);
    bus.on('x', (_, context) => void note('first', context), { priority: 2 });
    bus.on(
      'x',
      async (_, context) => {
        note('failing', context);
        if (context.attempt < 3) throw new Error('not yet');
      },
      { priority: 1, retry: SOON },
    );
    bus.on('x', (_, context) => void note('last', context));
    await bus.emitAsync('x');
    const outcome = await backend.outcomes[0]!;
    expect(outcome).toMatchObject({ retries: [], deadLetters: [], released: [] });
    expect(steps).toEqual([
      'first 1 false',
      'failing 1 false',
      'last 1 false',
      'failing 2 true',
      'failing 3 true',
    ]);
    expect(await bus.stats()).toMatchObject({ handled: 3, retried: 2, deadLettered: 0, running: 0 });
  });

  it('has dead letters written before the dispatcher resolves', async () => {
    const backend = new PlainBackend();
    const bus = await startBus(backend);
    bus.on(
      'x',
      () => {
        throw new Error('broken');
      },
      { id: 'h', retry: { maxRetries: 2, ...SOON } },
    );
    await bus.emitAsync('x', { n: 1 }, { id: 'i' });
    await backend.outcomes[0]!;
    const { entries } = await bus.deadLetters.list();
    expect(entries).toMatchObject([
      { id: 'i:h', handlerId: 'h', status: 'dead', event: { id: 'i', type: 'x' } },
    ]);
    expect(entries[0]!.attempts.map(({ error }) => error.message)).toEqual(['broken', 'broken', 'broken']);
  });

  it('waits for a dead letter store that is down, rather than lose the event', async () => {
    let down = true;
    class Flaky extends MemoryDeadLetterStore {
      override add(entries: readonly DeadLetter[]): Promise<void> {
        return down ? Promise.reject(new Error('store is down')) : super.add(entries);
      }
    }
    const backend = new PlainBackend();
    const bus = await startBus({ backend, deadLetters: new Flaky(), retry: false });
    const reports: string[] = [];
    bus.errors.subscribe(({ action, error }) => void reports.push(`${action} ${error.message}`));
    bus.on('x', () => {
      throw new Error('broken');
    });
    await bus.emitAsync('x');
    let settled = false;
    void backend.outcomes[0]!.then(() => (settled = true));
    await waitFor(() => reports.includes('reported store is down'));
    expect(settled).toBe(false);
    down = false;
    await waitFor(() => settled);
    expect(await bus.deadLetters.size()).toBe(1);
  });

  it('gets an unacknowledged event when shutdown interrupts a retry', async () => {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, drainTimeoutMs: 20 });
    bus.on(
      'x',
      () => {
        throw new Error('broken');
      },
      { retry: { initialBackoffMs: 60_000, maxBackoffMs: 60_000 } },
    );
    await bus.emitAsync('x');
    let settled = false;
    void backend.outcomes[0]!.then(() => (settled = true));
    await bus.close();
    expect(settled).toBe(false);
    expect(await bus.deadLetters.size()).toBe(0);
  });
});

describe('dispatching', () => {
  async function dispatcher() {
    const backend = new PlainBackend();
    const bus = await startBus({ backend, retry: false });
    return { bus, dispatch: backend.dispatch! };
  }

  it('never throws and keeps what it cannot read', async () => {
    const { bus, dispatch } = await dispatcher();
    for (const value of [null, 7, 'text', {}, { id: 'i' }, { specversion: '1.0' }, { id: 'i', type: '*' }]) {
      expect(await dispatch(value as unknown as Event)).toMatchObject({ status: 'failed' });
    }
    const { entries } = await bus.deadLetters.list();
    expect(entries).toHaveLength(7);
    expect(new Set(entries.map(({ handlerId }) => handlerId))).toEqual(new Set(['*']));
    expect((await bus.stats()).running).toBe(0);
  });

  it('an event for a handler that is not here is not lost', async () => {
    const { bus, dispatch } = await dispatcher();
    await dispatch({ id: 'i', type: 'x' } as Event, { handlerId: 'gone' });
    const { entries } = await bus.deadLetters.list();
    expect(entries[0]).toMatchObject({ handlerId: 'gone', id: 'i:gone' });
    expect(entries[0]!.attempts[0]!.error.message).toContain('this process has no handler of that id');
  });

  it('goes only to the handler that is to try again', async () => {
    const { bus, dispatch } = await dispatcher();
    const steps: string[] = [];
    bus.on('x', () => void steps.push('a'), { id: 'a' });
    bus.on('x', (_, { attempt, redelivered }) => void steps.push(`b ${attempt} ${redelivered}`), { id: 'b' });
    await dispatch({ id: 'i', type: 'x' } as Event, { handlerId: 'b', attempt: 4 });
    expect(steps).toEqual(['b 4 true']);
  });

  it('parts handlers of the service from those of every process', async () => {
    const backend = Object.assign(new PlainBackend(), { capabilities: { broadcast: true } });
    const bus = await startBus(backend);
    const steps: string[] = [];
    bus.on('x', () => void steps.push('service'));
    bus.on('x', () => void steps.push('process'), { broadcast: true });
    for (const audience of ['group', 'broadcast', undefined] as const) {
      steps.push(`${audience}:`);
      await backend.dispatch!({ id: 'i', type: 'x' } as Event, { audience });
    }
    expect(steps).toEqual(['group:', 'service', 'broadcast:', 'process', 'undefined:', 'service', 'process']);
  });

  it('is told to wait as long as the handler says', async () => {
    const { bus, dispatch } = await dispatcher();
    const notices: EventErrorNotice[] = [];
    bus.errors.subscribe((notice) => void notices.push(notice));
    let calls = 0;
    bus.on(
      'x',
      () => {
        if (++calls === 1) throw new RetryAfterError(7);
      },
      { retry: { maxRetries: 1, initialBackoffMs: 60_000 } },
    );
    await dispatch({ id: 'i', type: 'x' } as Event);
    expect(notices).toMatchObject([{ action: 'retry', delayMs: 7, attempt: 1 }]);
    expect(calls).toBe(2);
  });

  it('ends the retries at an UnrecoverableError', async () => {
    const { bus, dispatch } = await dispatcher();
    bus.on(
      'x',
      () => {
        throw new UnrecoverableError('no such customer');
      },
      { retry: 5 },
    );
    await dispatch({ id: 'i', type: 'x' } as Event);
    const { entries } = await bus.deadLetters.list();
    expect(entries[0]!.attempts).toHaveLength(1);
    expect(entries[0]!.attempts[0]!.error).toMatchObject({
      name: 'UnrecoverableError',
      code: 'EVENT_UNRECOVERABLE',
    });
  });

  it('goes by the policy when retryIf throws', async () => {
    const { bus, dispatch } = await dispatcher();
    const reported: string[] = [];
    bus.errors.subscribe(({ action, error }) => void reported.push(`${action} ${error.message}`));
    let calls = 0;
    const retryIf = () => {
      throw new Error('retryIf is broken');
    };
    bus.on(
      'x',
      () => {
        if (++calls < 2) throw new Error('broken');
      },
      { retry: { maxRetries: 1, ...SOON, retryIf } },
    );
    expect(await dispatch({ id: 'i', type: 'x' } as Event)).toMatchObject({ retries: [], deadLetters: [] });
    expect(calls).toBe(2);
    expect(reported).toEqual(['reported retryIf is broken', 'retry broken']);
  });

  it.each<[string, unknown, string]>([
    ['a string', 'just text', 'A handler threw "just text", which is not an Error.'],
    ['nothing', undefined, 'A handler threw undefined, which is not an Error.'],
    ['an object', { code: 1 }, 'A handler threw {"code":1}, which is not an Error.'],
  ])('a handler may throw %s', async (_, thrown, message) => {
    const { bus, dispatch } = await dispatcher();
    bus.on('x', () => {
      // oxlint-disable-next-line typescript/only-throw-error -- as JavaScript may
      throw thrown;
    });
    await dispatch({ id: 'i', type: 'x' } as Event);
    const { entries } = await bus.deadLetters.list();
    expect(entries[0]!.attempts[0]!.error).toMatchObject({ name: 'EventHandlerError', message });
  });

  it('is watched, and not harmed by who watches', async () => {
    const { bus, dispatch } = await dispatcher();
    const seen: string[] = [];
    bus.observe({
      publishing: ({ type }) => void seen.push(`publishing ${type}`),
      dispatched: ({ type }, { status }) => void seen.push(`dispatched ${type} ${status}`),
    });
    const end = bus.observe({
      dispatched: () => {
        throw new Error('exporter is down');
      },
    });
    bus.on('x', () => void seen.push('handled'));
    await bus.emitAsync('x');
    end();
    await bus.idle({ timeoutMs: 1000 });
    expect(await dispatch({ id: 'i', type: 'x' } as Event)).toMatchObject({ status: 'handled' });
    expect(seen).toEqual([
      'publishing x',
      'handled',
      'dispatched x handled',
      'handled',
      'dispatched x handled',
    ]);
  });
});

describe('a retried dead letter', () => {
  it('goes to the handler that failed and to no other, and is resolved by success', async () => {
    const bus = await startBus(new PlainBackend());
    let broken = true;
    const steps: string[] = [];
    bus.on('x', () => void steps.push('other'));
    bus.on(
      'x',
      () => {
        steps.push('failing');
        if (broken) throw new Error('broken');
      },
      { retry: false },
    );
    await bus.emitAsync('x');
    await bus.idle({ timeoutMs: 1000 });
    broken = false;
    const { count, ids } = await bus.deadLetters.retry({});
    expect(count).toBe(1);
    await bus.idle({ timeoutMs: 1000 });
    expect(steps).toEqual(['other', 'failing', 'failing']);
    expect(await bus.deadLetters.size()).toBe(0);
    expect(await bus.deadLetters.get(ids[0]!)).toMatchObject({ status: 'resolved' });
  });

  it('comes back with its whole history when it fails again, and runs once for two operators', async () => {
    const bus = await startBus(new PlainBackend());
    let calls = 0;
    bus.on(
      'x',
      () => {
        throw new Error(`failure ${++calls}`);
      },
      { retry: { maxRetries: 1, ...SOON } },
    );
    await bus.emitAsync('x');
    await bus.idle({ timeoutMs: 1000 });
    const counts = await Promise.all([bus.deadLetters.retry({}), bus.deadLetters.retry({})]);
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(1);
    await bus.idle({ timeoutMs: 1000 });
    const { entries } = await bus.deadLetters.list();
    expect(entries[0]!.attempts.map(({ error }) => error.message)).toEqual([
      'failure 1',
      'failure 2',
      'failure 3',
      'failure 4',
    ]);
  });
});
