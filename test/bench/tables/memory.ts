import type { Case, Table } from '../harness/table.js';

type PoolName = 'memoryBackend' | 'memoryBackendUncorrelated' | 'fastqPromise' | 'pQueue';

const TITLES: Record<PoolName, string> = {
  memoryBackend: 'MemoryBackend, emitAsync to one handler',
  memoryBackendUncorrelated: 'MemoryBackend, correlation off',
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
    cases: [
      pool('memoryBackend', async),
      pool('memoryBackendUncorrelated', async),
      pool('fastqPromise', async),
      pool('pQueue', async),
    ],
    comparisons: [
      { of: 'memoryBackend', over: 'fastqPromise', atLeast: 1 },
      { of: 'memoryBackend', over: 'pQueue', atLeast: 4 },
      { of: 'memoryBackendUncorrelated', over: 'fastqPromise' },
      { of: 'memoryBackendUncorrelated', over: 'pQueue' },
    ],
  };
}

/** Through the queue and the workers of the memory backend. */
export const memory: readonly Table[] = [waves(false), waves(true)];
