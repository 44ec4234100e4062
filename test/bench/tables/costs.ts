import type { MemorySetup } from '../cases/waves.js';
import type { TransportName } from '../cases/brokers/transports.js';
import type { Case, Table } from '../harness/table.js';
import { endToEndCase } from './redis.js';

const KEYS = 100;

function inMemory(key: string, title: string, setup: MemorySetup): Case {
  return {
    key,
    title,
    run: async ({ effort }) => {
      const { measureWaves, memoryBackend } = await import('../cases/waves.js');
      return measureWaves(memoryBackend(setup), effort);
    },
  };
}

/** What the memory backend takes for events with something more, beside those without. */
function costInMemory(what: string, title: string, setup: Partial<MemorySetup>): Table {
  return {
    id: `costs/${what}-memory`,
    title: `what ${title} costs: 10 workers, awaited waves of 1000, an async handler that does nothing`,
    cases: [
      inMemory('with', `with ${title}`, { async: true, ...setup }),
      inMemory('without', 'without', { async: true }),
    ],
    comparisons: [{ of: 'with', over: 'without' }],
  };
}

/** The same through Redis, from process to process. */
function costOnRedis(what: string, title: string, transport: TransportName): Table {
  return {
    id: `costs/${what}-redis`,
    title: `what ${title} costs: a producer process to a consumer process through Redis, 1000 in flight`,
    servers: ['redis'],
    cases: [
      { ...endToEndCase(transport, { inFlight: 1_000 }), key: 'with', title: `with ${title}` },
      { ...endToEndCase('ours', { inFlight: 1_000 }), key: 'without', title: 'without' },
    ],
    comparisons: [{ of: 'with', over: 'without' }],
  };
}

/** What a feature costs those who use it. */
export const costs: readonly Table[] = [
  costInMemory('inbox', 'an inbox', { inbox: true }),
  costInMemory('keys', `keys, ${KEYS} of them`, { keys: KEYS }),
  costOnRedis('inbox', 'an inbox in the same Redis', 'oursInbox'),
  costOnRedis('keys', `keys, ${KEYS} of them`, 'oursKeyed'),
];
