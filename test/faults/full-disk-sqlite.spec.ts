import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { describeWithSmallDisk, SmallDisk } from '../support/services/small-disk.js';
import { violations } from './accounts.js';
import { buildPrograms } from './build-programs.js';
import { Stage } from './stage.js';

describeWithSmallDisk('SQLite: a file whose disk is full', () => {
  it('refuses publishes until there is space again, and loses nothing', async () => {
    const programs = buildPrograms();
    const disk = new SmallDisk();
    const stage = await Stage.open('sqlite', join(disk.dir, 'events.db'), programs);
    try {
      // So slow that events pile up: what is handled leaves space for others.
      const slow = await stage.start({ workMs: 100 });
      const traffic = { until: 'told', perSecond: 300 } as const;
      const producer = stage.launch({ handles: false, publishTimeoutMs: 1000, traffic });
      await stage.until('200 orders', (ledger) => ledger.of('confirmed').size >= 200);
      disk.fill();
      await stage.until('publishes to be rejected', (ledger) => ledger.lines('unconfirmed') >= 10);
      disk.free();
      const confirmed = stage.ledger.of('confirmed').size;
      await stage.until('200 more', (ledger) => ledger.of('confirmed').size >= confirmed + 200);
      producer.enough();
      await producer.placed;
      await slow.kill();
      await stage.start();
      await stage.untilSettled();
      expect(await violations(await stage.accounts(), { once: false }, stage.broker)).toEqual([]);
    } finally {
      await stage.close();
      disk.remove();
      programs.remove();
    }
  }, 90_000);
});
