import { expect, it } from '@jest/globals';
import { losses } from './accounts.js';
import { HANDLERS } from './programs/settings.js';
import { describeDurable } from './use-stage.js';

/** The fault tests would be worth nothing if they passed on a service that loses events. */
describeDurable('a service that acknowledges events before they are handled', (scene) => {
  it('is found out when it is killed', async () => {
    const { stage } = scene();
    const careless = await stage.start({ acknowledgesEarly: true });
    const [eventId] = await stage.place({ n: 1, fault: 'hold' });
    await stage.until('the order to be held', (ledger) => ledger.of('holding').has(eventId!));
    await stage.untilSettled();
    await careless.kill();
    await stage.start();
    await stage.untilSettled();
    expect(losses(await stage.accounts())).toEqual(HANDLERS.map((handlerId) => ({ eventId, handlerId })));
  }, 90_000);
});
