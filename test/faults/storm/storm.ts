import type { Stage } from '../stage.js';
import { FAULTS, type FaultName } from './faults.js';
import type { StormPlan } from './plan.js';
import { Scenery, type StormSetup } from './scenery.js';

/** One fault of a storm, by the clock of the ledger. */
export interface Strike {
  readonly fault: FaultName;
  readonly beganAt: number;
  /** When all was up again, or was started. */
  readonly overAt: number;
}

/**
 * Traffic while one thing after the other breaks. Resolves when the traffic is confirmed and the last fault is over;
 * work may be left.
 */
export async function blow(setup: StormSetup): Promise<Strike[]> {
  const { stage, plan } = setup;
  const scenery = await Scenery.set(setup);
  try {
    const faults = shuffled(plan, scenery.random);
    const pause = plan.events / (faults.length + 1);
    const strikes: Strike[] = [];
    for (const fault of faults) {
      await confirmed(stage, pause * (0.5 + scenery.random()));
      const beganAt = await stage.ledger.mark(`began:${fault.replaceAll(' ', '-')}`);
      await FAULTS[fault](scenery);
      strikes.push({ fault, beganAt, overAt: await stage.ledger.mark('over') });
    }
    await confirmed(stage, plan.events - stage.ledger.read().of('confirmed').size);
    scenery.producer.enough();
    await scenery.producer.placed;
    // While the proxies still stand, so that the consumers can finish.
    await stage.untilSettled(SETTLE_MS);
    return strikes;
  } finally {
    await scenery.close();
  }
}

/** Far more than any lease, claim or retry takes. */
const SETTLE_MS = 120_000;

/** Waits for so many more. */
async function confirmed(stage: Stage, more: number): Promise<void> {
  const goal = stage.ledger.read().of('confirmed').size + Math.floor(more);
  await stage.until(`${goal} orders to be placed`, (ledger) => ledger.of('confirmed').size >= goal, 60_000);
}

/** Each fault `rounds` times, every round in another order. */
function shuffled({ faults, rounds }: StormPlan, random: () => number): FaultName[] {
  return Array.from({ length: rounds }, () =>
    faults
      .map((fault) => ({ fault, place: random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ fault }) => fault),
  ).flat();
}
