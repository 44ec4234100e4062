import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createEvent, EventTimeoutError } from 'nestjs-durable-events';
import {
  defineProjection,
  MemoryEventStore,
  type Projection,
  ProjectionRunner,
  type ProjectionRunnerOptions,
  type StoredEvent,
} from 'nestjs-durable-events/store';
import { waitFor } from '../support/wait-for.js';

const orders = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => createEvent('order.placed', { n: from + i }));
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** A read model: the numbers of the orders, as they came. */
class Numbers implements Projection {
  readonly types = 'order.*';
  rows: number[] = [];
  resets = 0;
  before: (n: number) => Promise<void> | void = () => undefined;

  constructor(readonly name = 'numbers') {}

  reset(): void {
    this.resets++;
    this.rows = [];
  }

  async handle({ data }: StoredEvent): Promise<void> {
    const { n } = data as { n: number };
    await this.before(n);
    this.rows.push(n);
  }
}

const soon = { timeoutMs: 10_000 };
let store: MemoryEventStore;
let runners: ProjectionRunner[];
beforeEach(() => {
  store = new MemoryEventStore();
  runners = [];
});
afterEach(() => Promise.all(runners.map((runner) => runner.stop())));

function runnerOf(projections: readonly Projection[], options?: ProjectionRunnerOptions): ProjectionRunner {
  const runner = new ProjectionRunner(store, projections, { pollMs: 20, ...options });
  runners.push(runner);
  return runner;
}

function started(projections: readonly Projection[], options?: ProjectionRunnerOptions): ProjectionRunner {
  const runner = runnerOf(projections, options);
  runner.start();
  return runner;
}

describe('a read model', () => {
  it('is made of what is there, then of what comes, in order', async () => {
    const model = new Numbers();
    await store.appendBatch(orders(1, 250));
    const runner = started([model]);
    await runner.caughtUp('numbers', soon);
    expect(model.rows).toEqual(numbers(1, 250));
    await store.append(createEvent('mail.sent', {}));
    await store.appendBatch(orders(251, 260));
    await runner.caughtUp(undefined, soon);
    expect(model).toMatchObject({ rows: numbers(1, 260), resets: 1 });
  });

  it('goes on where it was after a restart, without a reset', async () => {
    const model = new Numbers();
    await store.appendBatch(orders(1, 5));
    const first = started([model]);
    await first.caughtUp('numbers', soon);
    await first.stop();
    await store.appendBatch(orders(6, 8));
    await started([model]).caughtUp('numbers', soon);
    expect(model).toMatchObject({ rows: numbers(1, 8), resets: 1 });
  });

  it('is reset again when the process died before the first checkpoint', async () => {
    await store.appendBatch(orders(1, 5));
    const model = new Numbers();
    model.rows = [1, 2]; // what the process that died had done
    await started([model]).caughtUp('numbers', soon);
    expect(model.rows).toEqual(numbers(1, 5));
  });

  it('can have a function for each event', async () => {
    let placed = 0;
    let paid = 0;
    const sums = defineProjection({
      name: 'sums',
      reset: () => void (placed = paid = 0),
      handle: {
        'order.placed': ({ data }) => void (placed += (data as { n: number }).n),
        'order.paid': () => void paid++,
      },
    });
    expect(sums.types).toEqual(['order.placed', 'order.paid']);
    await store.appendBatch([
      ...orders(1, 3),
      createEvent('order.paid', {}),
      createEvent('order.shipped', {}),
    ]);
    await started([sums]).caughtUp('sums', soon);
    expect({ placed, paid }).toEqual({ placed: 6, paid: 1 });
  });
});

describe('an event that a projection fails at', () => {
  it('is tried again before those behind it, and shown in the status until then', async () => {
    const model = new Numbers();
    await store.appendBatch(orders(1, 3));
    let broken = true;
    model.before = (n) => {
      if (n === 2 && broken) throw new Error('no such table');
    };
    const failures: string[] = [];
    const runner = started([model], {
      onError: ({ message }, { projection, event, attempt }) =>
        void failures.push(`${projection} ${(event!.data as { n: number }).n}:${attempt} ${message}`),
    });
    await waitFor(() => failures.length >= 2, { message: 'two tries' });
    const [status] = await runner.status();
    expect(status).toMatchObject({ name: 'numbers', state: 'catching-up' });
    expect(status?.error?.message).toBe('no such table');
    expect(status?.lagMs).toBeGreaterThan(0);
    expect(model.rows).toEqual([1]);

    broken = false;
    await runner.caughtUp('numbers', soon);
    expect(failures.slice(0, 2)).toEqual(['numbers 2:1 no such table', 'numbers 2:2 no such table']);
    expect(model.rows).toEqual([1, 2, 3]);
    const [after] = await runner.status();
    expect(after).toMatchObject({ position: await store.head(), lagMs: 0, error: undefined });
  });

  it('is missing when onError says so', async () => {
    const model = new Numbers();
    await store.appendBatch(orders(1, 3));
    model.before = (n) => {
      if (n === 2) throw new Error('never');
    };
    await started([model], { onError: () => 'skip' }).caughtUp('numbers', soon);
    expect(model.rows).toEqual([1, 3]);
  });

  it('keeps no other projection from its work', async () => {
    const stuck = new Numbers('stuck');
    stuck.before = () => Promise.reject(new Error('never'));
    const model = new Numbers();
    await store.appendBatch(orders(1, 3));
    const runner = started([stuck, model], { onError: () => undefined });
    await runner.caughtUp('numbers', soon);
    expect(model.rows).toEqual([1, 2, 3]);
    await expect(runner.caughtUp('stuck', { timeoutMs: 100 })).rejects.toThrow(EventTimeoutError);
  });
});

describe('a rebuild', () => {
  it('empties the read model and makes it anew', async () => {
    const model = new Numbers();
    const runner = started([model]);
    await store.appendBatch(orders(1, 250));
    await runner.caughtUp('numbers', soon);
    model.rows.push(4711); // what should not be there
    await runner.rebuild('numbers', soon);
    expect(model).toMatchObject({ rows: numbers(1, 250), resets: 2 });

    await store.appendBatch(orders(251, 252));
    await runner.caughtUp('numbers', soon);
    expect(model.rows).toEqual(numbers(1, 252));
  });

  it('leaves the other projections alone', async () => {
    const [a, b] = [new Numbers('a'), new Numbers('b')];
    const runner = started([a, b]);
    await store.appendBatch(orders(1, 3));
    await runner.caughtUp(undefined, soon);
    await runner.rebuild('a', soon);
    expect([a.resets, b.resets]).toEqual([2, 1]);
  });

  it('runs by itself where the runner is not started', async () => {
    const model = new Numbers();
    await store.appendBatch(orders(1, 3));
    const runner = runnerOf([model]);
    await runner.rebuild('numbers', soon);
    expect(model.rows).toEqual([1, 2, 3]);
    expect(await runner.status()).toMatchObject([
      { state: 'stopped', position: await store.head(), lagMs: 0 },
    ]);
    expect(await store.checkpoints.list('projection:')).toMatchObject([{ held: false }]);
  });

  it('that a crash interrupted goes on, also when it had just begun', async () => {
    const model = new Numbers();
    const first = started([model]);
    await store.appendBatch(orders(1, 3));
    await first.caughtUp('numbers', soon);
    await first.stop();
    await store.checkpoints.remove('projection:numbers'); // all that a rebuild does before the reset
    await started([model]).caughtUp('numbers', soon);
    expect(model).toMatchObject({ rows: [1, 2, 3], resets: 2 });
  });

  it('may be asked for where another process runs the projection', async () => {
    const [here, there] = [new Numbers(), new Numbers()];
    const owner = started([there]);
    await store.appendBatch(orders(1, 3));
    await owner.caughtUp('numbers', soon);
    const runner = started([here]);
    await runner.rebuild('numbers', soon);
    // Either of them may have got the checkpoint; it is one of them.
    expect([here.resets, there.resets].reduce((a, b) => a + b)).toBe(2);
    expect((here.resets === 1 ? here : there).rows).toEqual([1, 2, 3]);
  });

  it('of a projection that there is not names those that there are', async () => {
    await expect(started([new Numbers()]).rebuild('names')).rejects.toThrow(
      "There is no projection 'names'. There are: 'numbers'.",
    );
  });
});

it('of two processes one handles the events, and the other when that one stops', async () => {
  const [first, second] = [new Numbers(), new Numbers()];
  const owner = started([first]);
  await store.appendBatch(orders(1, 3));
  await owner.caughtUp('numbers', soon);
  const other = started([second]);
  await waitFor(async () => (await other.status())[0]?.state === 'waiting', { message: 'the other to wait' });
  expect((await other.status())[0]).toMatchObject({ position: await store.head(), lagMs: 0 });
  await owner.stop();
  await store.appendBatch(orders(4, 5));
  await other.caughtUp('numbers', soon);
  expect(first.rows).toEqual([1, 2, 3]);
  expect(second).toMatchObject({ rows: [4, 5], resets: 0 });
});

describe('what cannot work is refused', () => {
  const reset = () => undefined;
  const handle = () => undefined;
  it.each([
    ["Option 'name' of a projection is ''. Set it to a non-empty string.", [{ name: '', reset, handle }]],
    [
      "Option 'reset' of projection 'a' is undefined. Set it to a function that makes the read model empty.",
      [{ name: 'a', handle }],
    ],
    ["Option 'handle' of projection 'a' is undefined.", [{ name: 'a', reset }]],
    ["There are two projections named 'numbers'.", [new Numbers(), new Numbers()]],
    [
      "Projection 'a' has transaction: true, but the store 'memory' has no transactions.",
      [{ name: 'a', reset, handle, transaction: true }],
    ],
  ])('%s', (message, projections) => {
    expect(() => runnerOf(projections as Projection[])).toThrow(message);
  });

  it('a pattern among the functions of defineProjection', () => {
    expect(() => defineProjection({ name: 'a', reset, handle: { 'order.*': handle } })).toThrow(
      "'order.*' is a pattern",
    );
  });

  it('waiting for a runner that is not started', async () => {
    await expect(runnerOf([new Numbers()]).caughtUp()).rejects.toThrow('the runner is not started');
  });
});
