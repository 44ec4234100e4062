import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { violations } from '../accounts.js';
import type { DurableBackend } from '../brokers/kinds.js';
import { type BuiltPrograms, buildPrograms } from '../build-programs.js';
import { type Effort, effortFromEnvironment, type StormPlan } from './plan.js';
import { plansOf } from './plans.js';
import { matrix, type StormResult, stormReport } from './report.js';
import { setUp } from './set-up.js';
import { blow } from './storm.js';

/** Registers the storms of a backend. */
export function describeStorms(backend: DurableBackend): void {
  const { title, server } = backend;
  const effort = effortFromEnvironment();

  server.describe(`${title}: a storm`, () => {
    const results: StormResult[] = [];
    let programs: BuiltPrograms;
    beforeAll(() => {
      programs = buildPrograms();
    });
    afterAll(() => {
      programs?.remove();
      if (results.length > 0) process.stdout.write(`\n${legend}\n\n${matrix(results)}\n`);
    });

    async function run(plan: StormPlan): Promise<string[]> {
      const startedAt = performance.now();
      const site = await setUp(plan, programs);
      try {
        const strikes = await blow({ ...site, plan, seed: effort.seed });
        const accounts = await site.stage.accounts();
        const seconds = (performance.now() - startedAt) / 1000;
        const result = {
          title: `${title}, ${plan.name}`,
          accounts,
          strikes,
          seconds,
          refusedStarts: site.stage.refusedStarts,
        };
        process.stdout.write(stormReport(result));
        results.push(result);
        expect(strikes).toHaveLength(plan.rounds * plan.faults.length);
        expect(accounts.ledger.of('confirmed').size).toBeGreaterThanOrEqual(plan.events);
        return await violations(accounts, plan.promises, site.stage.broker);
      } finally {
        await site.close();
      }
    }

    for (const plan of plansOf(backend, effort)) {
      it(
        `of ${plan.name} ${promiseOf(plan)}`,
        async () => {
          process.stdout.write(
            `\n${title}, ${plan.name}. The same choices again:\n  ${again(title, plan, effort)}\n`,
          );
          expect(await run(plan)).toEqual([]);
        },
        timeoutOf(plan),
      );
    }
  });
}

function promiseOf({ promises: { once, ordered } }: StormPlan): string {
  if (once) return 'loses nothing that was confirmed, and no handler has its effect twice';
  return ordered
    ? 'loses nothing that was confirmed, and keeps the order of each key'
    : 'loses nothing that was confirmed';
}

function again(title: string, { name, events }: StormPlan, { seed, all }: Effort): string {
  const variables = [`FAULT_SEED=${seed}`, `FAULT_EVENTS=${events}`, ...(all ? ['FAULT_RUNS=all'] : [])];
  return `${variables.join(' ')} npm run jest -- test/faults/storm -t '${title}: a storm of ${name} loses'`;
}

const legend =
  'Recovery, at worst: from the end of a fault to the first order handled, and to the last of those placed before.';

/** Far more than it takes, for slow machines. */
function timeoutOf({ events, perSecond, faults, rounds }: StormPlan): number {
  return 120_000 + (events / perSecond) * 5000 + faults.length * rounds * 15_000;
}
