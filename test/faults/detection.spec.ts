import { expect, it } from '@jest/globals';
import { losses } from './accounts.js';
import { durable, DURABLE_BACKENDS } from './brokers/kinds.js';
import { HANDLERS } from './programs/settings.js';
import { useStage } from './use-stage.js';

/** The fault tests would be worth nothing if they passed on a service that loses events. */
for (const backend of [...DURABLE_BACKENDS, durable('postgres'), durable('sqlite')]) {
  const name = `${backend.title}: a service that acknowledges events before they are handled`;
  backend.server.describe(name, () => {
    const scene = useStage(backend);

    it('is found out when it is killed', async () => {
      const { stage } = scene();
      const careless = await stage.start({ acknowledgesEarly: true });
      const [eventId] = await stage.place({ n: 1, fault: 'hold' });
      await stage.until('the order to be held', (ledger) => ledger.of('holding').has(eventId!));
      await stage.untilSettled();
      await careless.kill();
      await stage.start();
      await stage.untilSettled();
      const lost = HANDLERS.map((handlerId) => ({ eventId, handlerId }));
      expect(losses(await stage.accounts())).toEqual(lost);
    }, 90_000);
  });
}
