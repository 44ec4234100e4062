import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { Crew, told } from './crew.js';
import { ledgerTable, type Place } from './programs/place.js';

const LEASE_MS = 2000;
/** For a machine that has more to do. */
const SLACK_MS = 40_000;

/** How followers work, and so what a crash leaves. */
export interface Followers {
  readonly kind: Place['kind'];
  /** With the checkpoint in the transaction of the effect: each event exactly once. */
  readonly transaction: boolean;
}

/** Subscriptions of one name in several processes. */
export function describeFollowers(name: string, { kind, transaction }: Followers, urlOf: () => string): void {
  const BATCH = 20;
  let crew: Crew;

  beforeEach(async () => {
    const place: Place = { kind, url: urlOf(), namespace: `followers_${randomUUID().slice(0, 8)}` };
    crew = await Crew.at(place);
    if (kind === 'redis') return;
    const client = new Client({ connectionString: place.url });
    await client.connect();
    await client.query(`CREATE TABLE ${ledgerTable(place)} (at bigserial PRIMARY KEY, n int, who text)`);
    await client.end();
  });
  afterEach(() => crew?.close());

  const settings = { transaction, leaseMs: LEASE_MS, workMs: 3 };

  /** Waits until every event is handled, and tells how. */
  async function account(): Promise<{ inOrder: boolean; repeated: number }> {
    await crew.appended();
    await crew.until('every event to be handled', (handled) => {
      return new Set(handled.map(({ n }) => n)).size === crew.orders;
    });
    const stored = await crew.inStore();
    const numbers = (await crew.ledger.read()).map(({ n }) => n);
    const firstOfEach = [...new Set(numbers)];
    return {
      inOrder: firstOfEach.every((n, i) => n === stored[i]),
      repeated: numbers.length - firstOfEach.length,
    };
  }

  describe(`Subscriptions in several processes to ${name}`, () => {
    it('miss nothing of what several processes append, and handle each event once and in order', async () => {
      await crew.follow({ ...settings, who: 'a', workMs: 0 });
      await crew.follow({ ...settings, who: 'b', workMs: 0 });
      crew.append(3, 250, 1);
      expect(await account()).toEqual({ inOrder: true, repeated: 0 });
    }, 400_000);

    it('go on where one was killed, within the lease, skip nothing and repeat a batch at most', async () => {
      await crew.follow({ ...settings, who: 'f0', workMs: 10 });
      await crew.follow({ ...settings, who: 'f1', workMs: 10 });
      const kills = 3;
      for (let i = 0; i < kills; i++) {
        const before = (await crew.ledger.read()).length;
        await crew.feed(200);
        await crew.until('some events', (handled) => handled.length >= before + 30);
        const owner = (await crew.latest())!;
        await crew.kill(owner);
        const at = (await crew.ledger.read()).length;
        await crew.feed(20);
        await crew.until('another process to go on', ({ length }) => length > at, LEASE_MS + SLACK_MS);
        await crew.follow({ ...settings, who: `f${i + 2}`, workMs: 10 });
      }
      const { inOrder, repeated } = await account();
      expect(inOrder).toBe(true);
      expect(repeated).toBeLessThanOrEqual(transaction ? 0 : kills * BATCH);
    }, 400_000);

    it('go on where one was stopped past its lease, whose own save is then refused', async () => {
      crew.append(1, 150, 1);
      const stale = await crew.follow({ ...settings, who: 'stale', workMs: 20 });
      await told(stale, 'working');
      stale.kill('SIGSTOP');
      const heir = await crew.follow({ ...settings, who: 'heir' });
      await told(heir, 'working');
      const before = (await crew.store.checkpoints.read('orders'))?.position ?? '';
      stale.kill('SIGCONT');
      const { inOrder, repeated } = await account();
      expect(inOrder).toBe(true);
      expect(repeated).toBeLessThanOrEqual(transaction ? 0 : BATCH);
      const after = await crew.store.checkpoints.read('orders');
      expect(after!.position! >= before).toBe(true);
      const handled = await crew.ledger.read();
      const heirs = handled.findIndex(({ who }) => who === 'heir');
      // The handler that was stopped goes on; it hears that it is stale, and does not get another event.
      expect(handled.slice(heirs).filter(({ who }) => who === 'stale').length).toBeLessThanOrEqual(1);
    }, 400_000);

    it('hand over at once when one is stopped in good order, and repeat nothing', async () => {
      const longLease = { ...settings, leaseMs: 600_000, workMs: 10 };
      await crew.follow({ ...longLease, who: 'first' });
      await crew.follow({ ...longLease, who: 'second' });
      crew.append(1, 500, 5);
      await crew.until('one of them to work', (handled) => handled.length > 20);
      const owner = (await crew.latest())!;
      const other = owner === 'first' ? 'second' : 'first';
      await crew.stop(owner);
      await crew.until('the other to go on', (handled) => handled.at(-1)?.who === other, SLACK_MS);
      expect(await account()).toEqual({ inOrder: true, repeated: 0 });
    }, 400_000);
  });
}
