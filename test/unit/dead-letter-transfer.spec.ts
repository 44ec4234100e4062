import { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createDeadLetter,
  createEvent,
  type DeadLetter,
  type EventBus,
  EventSerializationError,
  type HandlerAttempt,
  MemoryDeadLetterStore,
} from 'nestjs-durable-events';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

let store: MemoryDeadLetterStore;
let bus: EventBus;
beforeEach(async () => {
  store = new MemoryDeadLetterStore();
  bus = await startBus({ backend: new PlainBackend(), deadLetters: store });
});
afterEach(closeBuses);

const attempt = (at: number): HandlerAttempt => ({
  at,
  durationMs: 3,
  host: 'a',
  error: {
    name: 'AggregateError',
    message: `try ${at}\u2028 of \u0000 🦄`,
    stack: 'at x',
    code: 'E',
    cause: { name: 'Error', message: '', cause: { name: 'Error', message: 'root' } },
    errors: [{ name: 'Error', message: 'one of them' }],
  },
});

function full(id: string, ...times: number[]): DeadLetter {
  const event = createEvent(
    'order.placed',
    { text: 'a\u2028b\u2029c\nd', list: [], n: 9007199254740991 },
    {
      id,
      createdAt: new Date(1_700_000_000_123),
      source: 'shop',
      version: 3,
      key: 'k',
      correlationId: 'c',
      causationId: 'd',
      metadata: { tenantId: 't', custom: { nested: [1, { a: null }] } },
    },
  );
  const raw = { body: 'AAEC', encoding: 'base64', headers: { 'content-type': 'x', empty: '' } } as const;
  return { ...createDeadLetter(event, 'h', times.map(attempt), { raw }), failedAt: new Date(times.at(-1)!) };
}

async function exported(filter?: Parameters<EventBus['deadLetters']['export']>[0]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of bus.deadLetters.export(filter)) lines.push(line);
  return lines;
}

const plain = ({ event, ...entry }: DeadLetter) => ({ ...entry, event: event.toJSON() });

describe('export and import', () => {
  it('bring entries to another store as they were', async () => {
    const entries = [full('a', 1, 2), full('b', 5), { ...full('c', 7), raw: undefined }];
    await store.add(entries);
    const lines = await exported();
    const other = new MemoryDeadLetterStore();
    const second = await startBus({ backend: new PlainBackend(), deadLetters: other });
    // As a file would, with its own idea of what ends a line.
    const file = createInterface({ input: Readable.from(lines.map((line) => `${line}\r\n`)) });
    expect(await second.deadLetters.import(file)).toEqual({ imported: 3, skipped: 0, refused: [] });
    const [before, after] = await Promise.all([store.list(), other.list()]);
    expect(after.entries.map(plain)).toEqual(before.entries.map(plain));
  });

  it('walk a store page by page, and only what the filter finds', async () => {
    await store.add(Array.from({ length: 250 }, (_, i) => full(`e${i}`, i)));
    await store.transition('@shop/e3:h', 'dead', 'discarded');
    expect(await exported()).toHaveLength(249);
    expect(await exported({ since: new Date(200) })).toHaveLength(50);
    const [line] = await exported({ status: 'discarded' });
    expect(JSON.parse(line!)).toMatchObject({
      id: '@shop/e3:h',
      status: 'discarded',
      event: { specversion: '1.0' },
    });
  });

  it('read as dead what was dead or retrying, and nothing that was closed', async () => {
    await store.add([full('a', 1), full('b', 2), full('c', 3), full('d', 4)]);
    await store.transition('@shop/b:h', 'dead', 'retrying');
    await store.transition('@shop/c:h', 'dead', 'resolved');
    await store.transition('@shop/d:h', 'dead', 'discarded', { reason: 'why' });
    const lines = await exported({ status: ['dead', 'retrying', 'resolved', 'discarded'] });
    store = new MemoryDeadLetterStore();
    const second = await startBus({ backend: new PlainBackend(), deadLetters: store });
    expect(await second.deadLetters.import(lines)).toEqual({ imported: 2, skipped: 2, refused: [] });
    expect((await store.list({ status: 'dead' })).entries.map(({ id }) => id)).toEqual([
      '@shop/a:h',
      '@shop/b:h',
    ]);
  });

  it('change nothing when it is all known, and take a longer history', async () => {
    await store.add([full('a', 1)]);
    const [short] = await exported();
    await store.add([full('a', 1, 2)]);
    const [long] = await exported();
    expect(await bus.deadLetters.import([short!, long!])).toEqual({ imported: 0, skipped: 2, refused: [] });
    const second = await startBus({ backend: new PlainBackend(), deadLetters: new MemoryDeadLetterStore() });
    expect(await second.deadLetters.import([short!, long!, short!, long!])).toMatchObject({
      imported: 2,
      skipped: 2,
    });
    expect((await second.deadLetters.get('@shop/a:h'))!.attempts).toHaveLength(2);
  });

  it.each(['retrying', 'resolved', 'discarded'] as const)('leave alone what is %s here', async (status) => {
    await store.add([full('a', 1, 2)]);
    const lines = await exported();
    store = new MemoryDeadLetterStore();
    await store.add([full('a', 1)]);
    await store.transition('@shop/a:h', 'dead', status);
    const second = await startBus({ backend: new PlainBackend(), deadLetters: store });
    expect(await second.deadLetters.import(lines)).toEqual({ imported: 0, skipped: 1, refused: [] });
    expect(await store.get('@shop/a:h')).toMatchObject({ status });
  });

  it('export what cannot be JSON to nobody', async () => {
    await store.add([createDeadLetter(createEvent('x', 1n), 'h', [attempt(1)])]);
    await expect(exported()).rejects.toThrow(EventSerializationError);
  });
});

describe('a line that cannot be read', () => {
  const without = (field: string) => (entry: Record<string, unknown>) => {
    delete entry[field];
  };
  const having = (fields: object) => (entry: Record<string, unknown>) => void Object.assign(entry, fields);
  const error = { name: 'Error', message: 'no' };
  let deep: object = error;
  for (let i = 0; i < 12; i++) deep = { ...error, cause: deep };

  it.each<[RegExp, (entry: Record<string, unknown>) => void]>([
    [/'format' must be 'nestjs-durable-events\/dead-letter\/1'/, having({ format: 'other/2' })],
    [/'format' must be/, without('format')],
    [/'id' must be a non-empty string/, having({ id: '' })],
    [/'handlerId' must be a non-empty string/, without('handlerId')],
    [/'fingerprint' must be a non-empty string/, having({ fingerprint: 7 })],
    [/'status' must be one of dead, retrying, resolved, discarded/, having({ status: 'gone' })],
    [/'failedAt' must be a date/, having({ failedAt: 'yesterday' })],
    [/'changedAt' must be a non-empty string/, having({ changedAt: null })],
    [/'reason' must be a string/, having({ reason: {} })],
    [/'attempts' must be a list of one or more/, having({ attempts: [] })],
    [/'attempts\[0\]' must be an object/, having({ attempts: [7] })],
    [/'attempts\[0\]\.at' must be a number/, having({ attempts: [{ durationMs: 1, error }] })],
    [
      /'attempts\[0\]\.durationMs' must be a number/,
      having({ attempts: [{ at: 1, durationMs: '1', error }] }),
    ],
    [/'attempts\[0\]\.error' must be an object/, having({ attempts: [{ at: 1, durationMs: 1 }] })],
    [
      /'attempts\[0\]\.error\.message' must be a string/,
      having({ attempts: [{ at: 1, durationMs: 1, error: { name: 'Error' } }] }),
    ],
    [
      /'attempts\[0\]\.error\.cause\.name' must be a string/,
      having({ attempts: [{ at: 1, durationMs: 1, error: { ...error, cause: { message: 'x' } } }] }),
    ],
    [
      /'attempts\[0\]\.error\.errors' must be a list/,
      having({ attempts: [{ at: 1, durationMs: 1, error: { ...error, errors: {} } }] }),
    ],
    [/nested more than 10 deep/, having({ attempts: [{ at: 1, durationMs: 1, error: deep }] })],
    [/'event' must be an object/, without('event')],
    [/'event' cannot be read: .*'type' is missing/, having({ event: { id: 'i', source: 's' } })],
    [/'raw\.encoding' must be utf8 or base64/, having({ raw: { body: '', headers: {} } })],
    [
      /'raw\.headers\.a' must be a string/,
      having({ raw: { body: '', encoding: 'utf8', headers: { a: 1 } } }),
    ],
    [/'raw\.body' must be a string/, having({ raw: { encoding: 'utf8', headers: {} } })],
  ])('is refused: %s', async (message, spoil) => {
    await store.add([full('a', 1)]);
    const [line] = await exported();
    const entry = JSON.parse(line!) as Record<string, unknown>;
    spoil(entry);
    const { imported, refused } = await bus.deadLetters.import([JSON.stringify(entry)]);
    expect(imported).toBe(0);
    expect(refused).toEqual([{ line: 1, error: expect.any(EventSerializationError) }]);
    expect(refused[0]!.error.message).toMatch(message);
  });

  it('is named by its number, and stops no other', async () => {
    await store.add([full('a', 1), full('b', 2)]);
    const [a, b] = await exported();
    store = new MemoryDeadLetterStore();
    const second = await startBus({ backend: new PlainBackend(), deadLetters: store });
    const huge = `"${'x'.repeat(16 * 1024 * 1024)}"`;
    const lines = [a!, 'not json', '', '[]', 7 as unknown as string, huge, b!, ''];
    const { imported, skipped, refused } = await second.deadLetters.import(lines);
    expect([imported, skipped]).toEqual([2, 0]);
    expect(refused.map(({ line, error }) => `${line}: ${error.message}`)).toEqual([
      expect.stringMatching(/^2: .*not JSON/),
      expect.stringMatching(/^4: .*must be an object/),
      expect.stringMatching(/^5: .*not text/),
      expect.stringMatching(/^6: .*16777218 characters, but at most 16777216/),
    ]);
  });

  it('is not blamed for a store that is down', async () => {
    await store.add([full('a', 1)]);
    const lines = await exported();
    store.get = () => Promise.reject(new Error('store is down'));
    await expect(bus.deadLetters.import(lines)).rejects.toThrow('store is down');
  });
});
