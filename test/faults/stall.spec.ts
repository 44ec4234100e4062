import { expect, it } from '@jest/globals';
import { HANDLERS } from './programs/settings.js';
import { describeDurable } from './use-stage.js';

describeDurable('a process that is stopped for longer than its lease', (scene) => {
  it('cannot acknowledge what another one took over, and works on', async () => {
    const { stage } = scene();
    const stalled = await stage.start({ leaseMs: 1000 });
    const [held, ...others] = await stage.place(
      { n: 1, fault: 'hold' },
      ...Array.from({ length: 50 }, (_, i) => ({ n: i + 2 })),
    );
    const holders = () =>
      stage.ledger
        .of('holding')
        .get(held!)
        ?.map(({ by }) => by);
    await stage.until('the order to be held', () => holders()?.length === 1);
    stalled.signal('SIGSTOP');

    const heir = await stage.start({ leaseMs: 1000 });
    await stage.until('the other process to hold it', () => holders()?.length === 2);
    expect(holders()).toEqual([stalled.name, heir.name]);

    // It finishes what it held before it can learn that the order is not its own any more.
    stalled.release();
    stalled.signal('SIGCONT');
    await stage.until('the first process to be done', async (ledger) => {
      return ledger.of('invoice').has(held!) && (await stalled.stats()).running === 0;
    });
    await stage.until('all handlers to be called', (ledger) =>
      HANDLERS.every((id) => ledger.of(id).has(held!)),
    );
    // Its connection carries commands in order: an acknowledgement would have been sent before this.
    await stalled.stats();
    expect((await stage.broker.outstanding()).map(({ eventId }) => eventId)).toContain(held);
    heir.release();
    await stage.untilHandled([held!, ...others]);
    await stage.untilSettled();
    expect(
      stage.ledger
        .of('invoice')
        .get(held!)!
        .map(({ by }) => by),
    ).toEqual([stalled.name, heir.name]);
    expect(await stage.broker.deadLetters()).toEqual([]);

    await heir.kill();
    await stage.untilHandled(await stage.place({ n: 1001 }, { n: 1002 }));
    expect(stalled.running).toBe(true);
  }, 90_000);
});
