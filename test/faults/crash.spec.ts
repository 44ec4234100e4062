import { expect, it } from '@jest/globals';
import { HANDLERS, type OrderPlaced } from './programs/settings.js';
import type { Stage } from './stage.js';
import { describeDurable } from './use-stage.js';

const TIMEOUT_MS = 90_000;

/** Orders without a fault. */
function sound(count: number): OrderPlaced[] {
  return Array.from({ length: count }, (_, n) => ({ n }));
}

describeDurable('a process that crashes', (scene) => {
  it(
    'right after an awaited emit leaves the event to others, even if Redis crashes, too',
    async () => {
      const { stage, server } = scene();
      const producer = stage.launch({
        handles: false,
        traffic: { until: 20, perSecond: 1000, thenCrash: true },
      });
      expect(await producer.ended).toBe('SIGKILL');
      await server.kill9();
      await server.restart();
      await stage.start();
      const confirmed = await stage.until('20 receipts', (ledger) => {
        const ids = [...ledger.of('confirmed').keys()];
        return ids.length === 20 ? ids : undefined;
      });
      await stage.untilHandled(confirmed);
    },
    TIMEOUT_MS,
  );

  it(
    'between the effect of a handler and its acknowledgement repeats that event, and loses no other',
    async () => {
      const { stage } = scene();
      const first = await stage.start();
      const orders = sound(50);
      orders[25] = { n: 25, fault: 'crash-once' };
      const ids = await stage.place(...orders);
      expect(await first.ended).toBe('SIGKILL');
      await stage.start();
      await stage.untilHandled(ids);
      await stage.untilSettled();
      const invoices = stage.ledger.of('invoice').get(ids[25]!)!;
      expect(invoices.map(({ by }) => by)).toEqual(['service-1', 'service-2']);
      expect(await stage.broker.deadLetters()).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'each time it handles an event gives that event up after maxDeliveries, and no other',
    async () => {
      const { stage } = scene();
      const orders = sound(50);
      orders[25] = { n: 25, fault: 'crash' };
      const ids = await stage.place(...orders);
      const crashes = await restartUntil(stage, async () => (await stage.broker.deadLetters()).length > 0);
      const [poison] = ids.splice(25, 1);
      await stage.untilHandled(ids);
      await stage.untilSettled();

      expect(crashes).toBe(3);
      expect(stage.ledger.of('invoice').get(poison!)).toHaveLength(3);
      const [letter, ...others] = await stage.broker.deadLetters();
      expect(others).toEqual([]);
      expect(letter).toMatchObject({ event: { id: poison }, handlerId: '*', status: 'dead' });
      expect(letter!.attempts[0]!.error.message).toContain('taken up 3 times and never finished');
      for (const handler of HANDLERS.slice(1)) expect(stage.ledger.of(handler).has(poison!)).toBe(false);
    },
    TIMEOUT_MS,
  );
});

/** Keeps one process running, as a supervisor does, and counts its crashes. */
async function restartUntil(stage: Stage, done: () => Promise<boolean>): Promise<number> {
  for (let crashes = 0; ; crashes++) {
    const service = await stage.start({ leaseMs: 500, maxDeliveries: 3 });
    const over = await stage.until('a crash or a dead letter', async () => {
      if (!service.running) return 'crashed';
      return (await done()) && 'done';
    });
    if (over === 'done') return crashes;
  }
}
