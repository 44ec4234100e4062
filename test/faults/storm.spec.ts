import { expect, it } from '@jest/globals';
import { describeWithOwnRedis } from '../support/services/redis.js';
import { describeMissing, missing } from './accounts.js';
import { refusedAmong } from './programs/settings.js';
import { planFromEnvironment, Storm } from './storm.js';
import { stormReport } from './storm-report.js';
import { useStage } from './use-stage.js';

const plan = planFromEnvironment();
const SETTLE_MS = 60_000;
/** Far more than a storm takes, for slow machines. */
const TIMEOUT_MS = 120_000 + (plan.events / plan.perSecond) * 10_000;

describeWithOwnRedis('Redis Streams: a storm', () => {
  const scene = useStage();

  it(
    'loses no confirmed event, whatever is killed',
    async () => {
      const { stage, server } = scene();
      process.stdout.write(
        `Storm of ${plan.events} events; FAULT_SEED=${plan.seed} makes the same choices.\n`,
      );
      const log = await new Storm(stage, server, plan).blow();
      await stage.untilSettled(SETTLE_MS);
      const settledAt = Date.now();
      const deadLetters = await stage.redis.deadLetters();
      const ledger = stage.ledger.read();
      process.stdout.write(stormReport({ plan, log, ledger, deadLetters, settledAt }));

      const lost = missing(ledger, deadLetters);
      if (lost.length > 0) throw new Error(await describeMissing(lost, stage.redis));
      expect(ledger.of('confirmed').size).toBe(plan.events);
      expect(log.redisBack).toHaveLength(plan.outagesAt.length);
      expect(log.kills.length).toBeGreaterThan(plan.events / 1000);
      // Nothing is given up that could have been handled.
      const ofConfirmed = deadLetters.filter(({ event }) => ledger.of('confirmed').has(event.id));
      expect(ofConfirmed.every(({ handlerId }) => handlerId === 'audit')).toBe(true);
      expect(ofConfirmed).toHaveLength(refusedAmong(plan.events));
    },
    TIMEOUT_MS,
  );
});
