import assert from 'node:assert/strict';
import type { EventBackend } from '../../backends/backend.js';
import type { ConformanceCapabilities } from './options.js';
import type { ConformanceCase, Rig } from './rig.js';

const FLAGS = ['durable', 'delay', 'ordering', 'broadcast', 'redelivery', 'dedup', 'transactions'] as const;

/** What is declared is tested, and what is tested is declared: nothing passes as tested that was left out. */
export const declarationCases: readonly ConformanceCase[] = [
  {
    name: 'declares what it is held to',
    run: async (rig) => {
      const { declared, held } = await both(rig);
      const missing = [...held].filter((each) => !declared.has(each));
      assert.deepEqual(missing, [], 'describeBackend() holds the backend to what it does not declare');
    },
  },
  {
    name: 'is held to what it declares',
    run: async (rig) => {
      const { declared, held } = await both(rig);
      const untested = [...declared].filter((each) => !held.has(each));
      assert.deepEqual(untested, [], 'the backend declares what describeBackend() was not told to test');
    },
  },
  {
    name: 'says that an event may come again for at least as long as a lease, where it says so',
    needs: ['leaseMs'],
    run: async (rig) => {
      const { redeliveryHorizonMs = Infinity } = (await rig.make()).backend.capabilities ?? {};
      assert.ok(redeliveryHorizonMs >= rig.leaseMs, `redeliveryHorizonMs is ${redeliveryHorizonMs}`);
    },
  },
];

async function both(rig: Rig): Promise<{ declared: Set<string>; held: Set<string> }> {
  const { backend } = await rig.make();
  return { declared: inWords(declaredBy(backend)), held: inWords(rig.capabilities) };
}

function declaredBy(backend: EventBackend): ConformanceCapabilities {
  return { ...backend.capabilities, cancel: backend.cancel !== undefined };
}

/** `shared` counts only where it is said: a backend that leaves it out need not have thought of it. */
function inWords(capabilities: ConformanceCapabilities): Set<string> {
  const { shared, cancel, maxEventBytes } = capabilities;
  const words: string[] = FLAGS.filter((flag) => capabilities[flag]);
  if (shared) words.push('shared');
  if (cancel) words.push('cancel');
  if (maxEventBytes !== undefined) words.push(`maxEventBytes: ${maxEventBytes}`);
  return new Set(words);
}
