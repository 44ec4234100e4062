import type { Case, Table } from '../harness/table.js';
import { endToEndCase } from './redis.js';

const HANDLERS = [1, 3, 10, 30, 100];
const PATTERNS = [0, 10, 100, 1_000];
const KILOBYTES = [0.1, 1, 16, 64, 256];
/** What one run sends through Redis at most, whatever the size of a payload. */
const MOST_KILOBYTES = 100_000;
/** A hundred handlers for each of eight events are many functions, which the compiler gets round to one by one. */
const LONGER_WARM_UP = 5;

function emitting(key: string, title: string, handlersPerType: number, otherPatterns: number): Case {
  return {
    key,
    title,
    run: async ({ effort }) => {
      const { ourEmitter } = await import('../cases/emitters.js');
      const { measureAwaitedEmit } = await import('../cases/awaited-emit.js');
      const emitter = ourEmitter({ handlersPerType, otherPatterns, async: false });
      const warmUpMs = effort.warmUpMs * LONGER_WARM_UP;
      return measureAwaitedEmit(emitter, handlersPerType, { ...effort, warmUpMs });
    },
  };
}

function emittingNewNames(patterns: number): Case {
  return {
    key: `${patterns}`,
    title: plural(patterns, 'pattern'),
    run: async ({ effort }) => {
      const { ourEmitterOfNewNames } = await import('../cases/emitters.js');
      const { measureAwaitedEmit } = await import('../cases/awaited-emit.js');
      return measureAwaitedEmit(ourEmitterOfNewNames(patterns), 1, effort);
    },
  };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The last point of a curve beside the first. */
function lastOverFirst(cases: readonly Case[]): Table['comparisons'] {
  return [{ of: cases.at(-1)!.key, over: cases[0]!.key }];
}

function curve(table: Omit<Table, 'comparisons'>): Table {
  return { ...table, comparisons: lastOverFirst(table.cases) };
}

/** How cost grows. */
export const curves: readonly Table[] = [
  curve({
    id: 'curves/handlers',
    title: 'awaited emitSync by sync handlers of the event',
    cases: HANDLERS.map((count) => emitting(`${count}`, plural(count, 'handler'), count, 0)),
  }),
  curve({
    id: 'curves/patterns',
    title: 'awaited emitSync to one handler by patterns registered beside it, which do not match',
    cases: PATTERNS.map((count) => emitting(`${count}`, plural(count, 'pattern'), 1, count)),
  }),
  curve({
    id: 'curves/new-names',
    title:
      'awaited emitSync of an event whose name was never seen, by registered patterns, of which one matches',
    cases: PATTERNS.map((count) => emittingNewNames(Math.max(1, count))),
  }),
  {
    id: 'curves/payload',
    title: 'a producer process to a consumer process through Redis, 100 in flight, by size of the payload',
    servers: ['redis'],
    cases: KILOBYTES.flatMap((kilobytes) => {
      const options = {
        payloadBytes: kilobytes * 1_000,
        mostEvents: MOST_KILOBYTES / kilobytes,
        inFlight: 100,
      };
      return [
        {
          ...endToEndCase('ours', options),
          key: `ours-${kilobytes}`,
          title: `${kilobytes} kB, emitAsync to handler`,
        },
        {
          ...endToEndCase('raw', options),
          key: `raw-${kilobytes}`,
          title: `${kilobytes} kB, XADD to XREADGROUP`,
        },
      ];
    }),
    comparisons: KILOBYTES.map((kilobytes) => ({ of: `ours-${kilobytes}`, over: `raw-${kilobytes}` })),
  },
];
