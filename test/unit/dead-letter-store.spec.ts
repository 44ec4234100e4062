import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  type DeadLetter,
  deadLetterId,
  type DeadLetterQuery,
  EventConfigurationError,
  MemoryDeadLetterStore,
} from 'nestjs-durable-events';

let store: MemoryDeadLetterStore;
beforeEach(() => {
  store = new MemoryDeadLetterStore();
});

interface Sample {
  id: string;
  at?: number;
  type?: string;
  handlerId?: string;
  data?: unknown;
  message?: string;
}

function letter({
  id,
  at = 0,
  type = 'x',
  handlerId = 'h',
  data = null,
  message = 'no',
}: Sample): DeadLetter {
  const attempt = { at, durationMs: 1, error: { name: 'Error', message } };
  return {
    id: deadLetterId(id, handlerId),
    event: createEvent(type, data, { id }),
    handlerId,
    status: 'dead',
    attempts: [attempt],
    failedAt: new Date(at),
  };
}

const add = (...samples: Sample[]) => store.add(samples.map(letter));
const found = async (query?: DeadLetterQuery) =>
  (await store.list(query)).entries.map(({ event }) => event.id);

describe('list', () => {
  it('begins with the oldest failure, whatever the order of writing', async () => {
    await add({ id: 'c', at: 3 }, { id: 'a', at: 1 });
    await add({ id: 'b', at: 2 });
    expect(await found()).toEqual(['a', 'b', 'c']);
  });

  it('shows what is open unless asked for more', async () => {
    await add({ id: 'dead' }, { id: 'retrying' }, { id: 'resolved' }, { id: 'discarded' });
    await store.transition('retrying:h', 'dead', 'retrying');
    await store.transition('resolved:h', 'dead', 'retrying');
    await store.transition('resolved:h', 'retrying', 'resolved');
    await store.transition('discarded:h', 'dead', 'discarded');
    expect(await found()).toEqual(['dead', 'retrying']);
    expect(await found({ status: 'retrying' })).toEqual(['retrying']);
    expect(await found({ status: ['resolved', 'discarded'] })).toEqual(['discarded', 'resolved']);
    expect(await store.size()).toBe(2);
  });

  it.each<[DeadLetterQuery, string[]]>([
    [{ type: 'order.placed' }, ['1', '2']],
    [{ handlerId: 'mail' }, ['2', '3']],
    [{ type: 'order.placed', handlerId: 'mail' }, ['2']],
    [{ since: new Date(20) }, ['2', '3']],
    [{ until: new Date(20) }, ['1']],
    [{ since: new Date(20), until: new Date(30) }, ['2']],
    [{ text: 'ADA@EXAMPLE' }, ['1']],
    [{ text: 'timed out' }, ['3']],
    [{ text: '2' }, ['2']],
    [{ text: '' }, ['1', '2', '3']],
    [{ text: 'nowhere' }, []],
  ])('finds by %j', async (query, expected) => {
    await add(
      { id: '1', at: 10, type: 'order.placed', data: { customer: { email: 'ada@example.org' } } },
      { id: '2', at: 20, type: 'order.placed', handlerId: 'mail' },
      { id: '3', at: 30, type: 'order.paid', handlerId: 'mail', message: 'SMTP timed out' },
    );
    expect(await found(query)).toEqual(expected);
  });

  it('searches beside data that cannot be JSON', async () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    await add(
      { id: 'cyclic', data: cycle, message: 'odd one' },
      { id: 'big', data: 1n },
      { id: 'none', data: undefined },
    );
    expect(await found({ text: 'odd one' })).toEqual(['cyclic']);
    expect(await found({ text: 'big' })).toEqual(['big']);
  });

  it('pages without repeating or missing an entry while others come and go', async () => {
    for (let i = 0; i < 10; i++) await add({ id: `${i}`, at: 100 });
    const first = await store.list({ limit: 4 });
    expect(first.entries.map(({ event }) => event.id)).toEqual(['0', '1', '2', '3']);
    await store.take('0:h');
    await store.take('3:h'); // the very entry the cursor stands on
    await add({ id: 'older', at: 1 }, { id: 'newer', at: 200 });
    const second = await store.list({ limit: 4, cursor: first.cursor });
    expect(second.entries.map(({ event }) => event.id)).toEqual(['4', '5', '6', '7']);
    const third = await store.list({ limit: 4, cursor: second.cursor });
    expect(third.entries.map(({ event }) => event.id)).toEqual(['8', '9', 'newer']);
    expect(third.cursor).toBeUndefined();
  });

  it('has no cursor when the last page is exactly full', async () => {
    await add({ id: '1' }, { id: '2' });
    expect((await store.list({ limit: 2 })).cursor).toBeUndefined();
  });

  it.each([0, -1, 1001, 1.5, Number.NaN])('refuses a limit of %p', async (limit) => {
    await expect(store.list({ limit })).rejects.toThrow(EventConfigurationError);
    await expect(store.list({ limit })).rejects.toThrow(/limit = .* whole number from 1 to 1000/);
  });

  it.each(['', 'nonsense', '12'])('refuses %p as a cursor', async (cursor) => {
    await expect(store.list({ cursor })).rejects.toThrow(/cursor = .*which no page had/);
  });
});

describe('changes', () => {
  it('happen once: the second of two takes nothing', async () => {
    await add({ id: '1' });
    const both = await Promise.all([1, 2].map(() => store.transition('1:h', 'dead', 'retrying')));
    expect(both.map((entry) => entry?.status)).toEqual(['retrying', undefined]);
    expect(await store.take('1:h')).toBeUndefined();
    expect(await store.transition('unknown', 'dead', 'retrying')).toBeUndefined();
  });

  it('keep the reason', async () => {
    await add({ id: '1' });
    expect(await store.transition('1:h', 'dead', 'discarded', 'a test order')).toMatchObject({
      status: 'discarded',
      reason: 'a test order',
    });
    expect(await store.get('1:h')).toMatchObject({ reason: 'a test order' });
  });

  it('write a known id anew, as dead and in its new place', async () => {
    await add({ id: '1', at: 1 }, { id: '2', at: 2 });
    await store.transition('1:h', 'dead', 'retrying');
    await add({ id: '1', at: 3, message: 'again' });
    expect(await found()).toEqual(['2', '1']);
    expect(await store.get('1:h')).toMatchObject({
      status: 'dead',
      attempts: [{ error: { message: 'again' } }],
    });
    expect(await store.size()).toBe(2);
  });

  it('take a dead entry out for good', async () => {
    await add({ id: '1' });
    expect((await store.take('1:h'))?.event.id).toBe('1');
    expect(await store.get('1:h')).toBeUndefined();
    expect(await store.size()).toBe(0);
  });

  it('keep the latest 1000 closed entries, and every dead one', async () => {
    const samples = Array.from({ length: 2100 }, (_, i) => ({ id: String(i).padStart(4, '0'), at: i }));
    await add(...samples);
    for (const { id } of samples.slice(0, 1050)) await store.transition(`${id}:h`, 'dead', 'discarded');
    expect(await store.size()).toBe(1050);
    const closed = await found({ status: 'discarded', limit: 1000 });
    expect(closed).toHaveLength(1000);
    expect([closed[0], closed.at(-1)]).toEqual(['0050', '1049']);
    expect(await store.get('0000:h')).toBeUndefined();
  });
});
