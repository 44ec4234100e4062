import type { Case, Table } from '../harness/table.js';

type PoolName = 'memoryBackend' | 'fastqPromise' | 'pQueue';

const TITLES: Record<PoolName, string> = {
  memoryBackend: 'MemoryBackend, emitAsync to one handler',
  fastqPromise: 'fastq.promise, the handler alone',
  pQueue: 'p-queue, the handler alone',
};

function pool(key: PoolName, async: boolean): Case {
  return {
    key,
    title: TITLES[key],
    run: async ({ effort }) => {
      const waves = await import('../cases/waves.js');
      return waves.measureWaves(waves[key](async), effort);
    },
  };
}

function waves(async: boolean): Table {
  const kind = async ? 'async' : 'sync';
  return {
    id: `memory/${kind}`,
    title: `10 workers, awaited waves of 1000, a handler that does nothing (${kind})`,
    cases: [pool('memoryBackend', async), pool('fastqPromise', async), pool('pQueue', async)],
    comparisons: [
      { of: 'memoryBackend', over: 'fastqPromise', atLeast: 1 },
      { of: 'memoryBackend', over: 'pQueue', atLeast: 4 },
    ],
  };
}

/** Through the queue and the workers of the memory backend. */
export const memory: readonly Table[] = [waves(false), waves(true)];
