import type { Case, Table } from '../harness/table.js';

type Waves = typeof import('../cases/waves.js');
type Pool = Awaited<ReturnType<Waves['memoryBackend']>>;

function pool(key: string, title: string, make: (waves: Waves) => Promise<Pool>): Case {
  return {
    key,
    title,
    run: async ({ effort }) => {
      const waves = await import('../cases/waves.js');
      return waves.measureWaves(make(waves), effort);
    },
  };
}

function waves(async: boolean): Table {
  const kind = async ? 'async' : 'sync';
  return {
    id: `memory/${kind}`,
    title: `10 workers, awaited waves of 1000, a handler that does nothing (${kind})`,
    cases: [
      pool('ours', 'emitAsync to one handler', ({ memoryBackend }) => memoryBackend({ async })),
      pool('ours-calling', 'the same, the handler calls something', ({ memoryBackend }) =>
        memoryBackend({ async, calling: true }),
      ),
      pool('ours-uncorrelated', 'the same, correlation off', ({ memoryBackend }) =>
        memoryBackend({ async, correlation: false }),
      ),
      pool('fastq', 'fastq.promise, the handler alone', ({ fastqPromise }) => fastqPromise(async)),
      pool('p-queue', 'p-queue, the handler alone', ({ pQueue }) => pQueue(async)),
    ],
    comparisons: [
      { of: 'ours', over: 'fastq', atLeast: 1 },
      { of: 'ours', over: 'p-queue', atLeast: 4 },
      { of: 'ours-calling', over: 'fastq' },
      { of: 'ours-uncorrelated', over: 'fastq' },
    ],
  };
}

/** Through the queue and the workers of the memory backend. */
export const memory: readonly Table[] = [waves(false), waves(true)];
