import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createEvent, type EventMetadata } from 'nestjs-durable-events';
import { PostgresEventStore } from 'nestjs-durable-events/postgres';
import { type EventCriteria, MemoryEventStore } from 'nestjs-durable-events/store';
import { usePglite } from '../stores/use-pglite.js';

const pglite = usePglite();
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const PARTS = [
  'a',
  'b',
  'ab',
  '_',
  '%',
  '\\',
  '+',
  '(',
  '[x]',
  '$',
  '^',
  '|',
  '?',
  '\n',
  'é',
  '😀',
  '{2}',
  '\u0000',
];
const VALUES = [
  1,
  0,
  '1',
  true,
  null,
  1.5,
  'x',
  '',
  [],
  [1],
  [1, 2],
  ['x', { a: 1 }],
  {},
  { a: 1 },
  { a: { b: [1] } },
];

/** The same numbers for the same seed. */
function randomFrom(seed: number) {
  let state = seed;
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
  const of = <T>(list: readonly T[]): T => list[next(list.length)]!;
  const some = <T>(list: readonly T[], most: number) =>
    Array.from({ length: 1 + next(most) }, () => of(list));
  return { next, of, some };
}

test(`finds the same by a pattern or metadata in PostgreSQL as in memory (SEED=${SEED})`, async () => {
  const { next, of, some } = randomFrom(SEED);
  const name = () => some(PARTS, 3).reduce((left, right) => `${left}${of(['.', ':', '.', ''])}${right}`);
  const metadata = (): EventMetadata => ({
    ...(next(2) > 0 && { userId: of(['1', 'x']) }),
    custom: Object.fromEntries(some(['a', 'b', 'c'], 3).map((field) => [field, of(VALUES)])),
  });
  const [memory, postgres] = [
    new MemoryEventStore(),
    new PostgresEventStore({ connection: pglite.db, table: `c_${randomUUID().slice(0, 8)}` }),
  ];
  await postgres.open();
  const events = Array.from({ length: 200 }, () => createEvent(name(), 0, { metadata: metadata() }));
  for (const store of [memory, postgres]) await store.appendBatch(events);

  for (let i = 0; i < 150; i++) {
    const { type, metadata: had } = of(events);
    const pattern = type.replace(/[^.:]+/g, (part) => of([part, '*', '**', part]));
    const wanted = of([had, metadata(), { custom: { [of(['a', 'b'])]: of(VALUES) } }]);
    const criteria: EventCriteria = of([
      { types: [pattern, of(events).type] },
      { types: pattern },
      { metadata: wanted },
      { types: pattern, metadata: wanted },
    ]);
    const [expected, found] = [
      await memory.page({ ...criteria, limit: 1000 }),
      await postgres.page({ ...criteria, limit: 1000 }),
    ];
    expect([criteria, found.map(({ id }) => id)]).toEqual([criteria, expected.map(({ id }) => id)]);
  }
}, 300_000);
