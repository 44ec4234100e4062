import { describe, expect, it } from '@jest/globals';
import { losses } from './accounts.js';
import { durable } from './brokers/kinds.js';
import type { Ledger } from './ledger.js';
import { HANDLERS, refusedAmong } from './programs/settings.js';
import type { ServiceProcess } from './service-process.js';
import { describeDurable, useStage } from './use-stage.js';

const TIMEOUT_MS = 90_000;

describeDurable('SIGTERM during load', (scene) => {
  /** Long enough that nothing in these tests can be taken over because a lease ended. */
  const leaseMs = 120_000;

  it(
    'loses nothing and gives nothing up, and the others go on at once',
    async () => {
      const { stage } = scene();
      const [leaving, staying] = await Promise.all([
        stage.start({ leaseMs, workMs: 5 }),
        stage.start({ leaseMs, workMs: 5 }),
      ]);
      const producer = stage.launch({ handles: false, traffic: { until: 'SIGTERM', perSecond: 500 } });
      const invoicesBy = ({ name }: ServiceProcess) =>
        [...stage.ledger.of('invoice').values()].filter(([entry]) => entry!.by === name).length;
      await stage.until('200 invoices by the one that leaves', () => invoicesBy(leaving) >= 200);
      leaving.signal('SIGTERM');
      expect(await leaving.ended).toBe('SIGTERM');
      const before = invoicesBy(staying);
      await stage.until('200 more by the one that stays', () => invoicesBy(staying) >= before + 200);
      producer.signal('SIGTERM');
      expect(await producer.ended).toBe('SIGTERM');
      await stage.untilSettled();

      const deadLetters = await stage.broker.deadLetters();
      const ledger = stage.ledger.read();
      expect(losses({ ledger, deadLetters, outstanding: [] })).toEqual([]);
      expect(deadLetters.every(({ handlerId }) => handlerId === 'audit')).toBe(true);
      expect(deadLetters).toHaveLength(refusedAmong(ledger.of('confirmed').size));
      // A shutdown that has the time to finish repeats nothing.
      for (const handler of HANDLERS) expect(ledger.lines(handler)).toBe(ledger.of(handler).size);
    },
    TIMEOUT_MS,
  );

  it(
    'hands over at the deadline what a handler does not finish',
    async () => {
      const { stage } = scene();
      const leaving = await stage.start({ leaseMs, drainTimeoutMs: 500 });
      const ids = await stage.place({ n: 1, fault: 'hold' }, { n: 2, fault: 'hold' });
      await stage.until('both to be held', (ledger) => ledger.lines('holding') === 2);
      const staying = await stage.start({ leaseMs });
      leaving.signal('SIGTERM');
      await stage.until('both to be held by the other', (ledger) => ledger.lines('holding') === 4);
      expect(await leaving.ended).toBe('SIGTERM');
      staying.release();
      await stage.untilHandled(ids);
      await stage.untilSettled();
      for (const id of ids) {
        expect(
          stage.ledger
            .of('invoice')
            .get(id)!
            .map(({ by }) => by),
        ).toEqual([staying.name]);
      }
      expect(await stage.broker.deadLetters()).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('Memory: SIGTERM during load', () => {
  const scene = useStage(durable('redis-streams'));

  it(
    'lets a full queue be handled before the process ends, retries included',
    async () => {
      const { stage } = scene();
      // More than ten workers can do, so that hundreds are queued.
      const service = stage.launchInMemory({ workMs: 5, traffic: { until: 'SIGTERM', perSecond: 2000 } });
      await stage.until('300 events to be waiting', (ledger) => {
        return ledger.of('confirmed').size > ledger.of('audit').size + 300;
      });
      service.signal('SIGTERM');
      expect(await service.ended).toBe('SIGTERM');
      expectAllHandled(stage.ledger.read());
      expect(stage.ledger.of('given-up').size).toBe(refusedAmong(stage.ledger.of('confirmed').size));
    },
    TIMEOUT_MS,
  );

  it(
    'handles what is accepted until the bus refuses more',
    async () => {
      const { stage } = scene();
      const service = stage.launchInMemory({ workMs: 1, traffic: { until: 'refused', perSecond: 200 } });
      await stage.until('200 invoices', (ledger) => ledger.lines('invoice') >= 200);
      service.signal('SIGTERM');
      expect(await service.ended).toBe('SIGTERM');
      expectAllHandled(stage.ledger.read());
    },
    TIMEOUT_MS,
  );
});

/** Every accepted event by every handler, but for those of which memory kept a dead letter, as long as it could. */
function expectAllHandled(ledger: Ledger): void {
  const accepted = [...ledger.of('confirmed').keys()];
  expect(accepted.length).toBeGreaterThanOrEqual(200);
  for (const handler of HANDLERS) {
    const givenUp = handler === 'audit' ? ledger.of('given-up') : undefined;
    expect(accepted.filter((id) => !ledger.of(handler).has(id) && !givenUp?.has(id))).toEqual([]);
  }
}
