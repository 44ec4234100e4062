import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { InboxKey, InboxStore } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';

/** Makes inboxes that are under test. */
export interface InboxStores {
  /** An inbox in a place of its own: those of one place and service see the same keys. Not open yet. */
  make(place: string): InboxStore;
  /** Whether two inboxes of one place meet. Default `true`. */
  readonly shared?: boolean;
}

const HOUR = 3_600_000;
const [ada, bob] = ['ada', 'bob'];

/** The one definition of a correct inbox, but for transactions. */
export function describeInboxStore(name: string, stores: InboxStores): void {
  describe(`Inbox: ${name}`, () => {
    const opened: InboxStore[] = [];
    let place: string;
    let inbox: InboxStore;

    async function open(service: string): Promise<InboxStore> {
      const made = stores.make(place);
      opened.push(made);
      await made.open?.(service);
      return made;
    }
    beforeEach(async () => {
      place = `p_${randomUUID()}`;
      inbox = await open('orders');
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(async (each) => each.close?.()));
    });

    const key = (eventId = '1', handlerId = 'mail'): InboxKey => ({ eventId, handlerId });
    const claim = async (owner: string, leaseMs = HOUR, keys = [key()]) => inbox.claim(keys, owner, leaseMs);
    const twenty = <T>(work: (i: number) => Promise<T>) =>
      Promise.all(Array.from({ length: 20 }, (_, i) => work(i)));

    describe('a claim', () => {
      it('goes to one of twenty at once; the others are told how long it holds', async () => {
        const results = (await twenty((i) => claim(`owner-${i}`))).flat();
        expect(results.filter((result) => result === 'claimed')).toHaveLength(1);
        for (const result of results.filter((result) => result !== 'claimed')) {
          expect(result).toBeGreaterThan(HOUR - 60_000);
          expect(result).toBeLessThanOrEqual(HOUR);
        }
      });

      it('is not given to its owner again', async () => {
        expect(await claim(ada)).toEqual(['claimed']);
        expect(await claim(ada)).toEqual([expect.any(Number)]);
      });

      it('lapses, and goes to the next', async () => {
        expect(await claim(ada, 300)).toEqual(['claimed']);
        const [wait] = await claim(bob);
        expect(wait).toBeLessThanOrEqual(300);
        await waitFor(async () => (await claim(bob))[0] === 'claimed', { message: 'the claim to lapse' });
        expect(await claim(ada)).toEqual([expect.any(Number)]);
      });

      it('that has lapsed goes to one of twenty', async () => {
        await claim(ada, 1);
        await waitFor(async () => (await inbox.renew([key()], ada, 1))[0] === false);
        const results = (await twenty((i) => claim(`owner-${i}`))).flat();
        expect(results.filter((result) => result === 'claimed')).toHaveLength(1);
      });

      it('is answered key by key, in their order', async () => {
        const keys = ['free', 'done', 'held', 'lapsed', 'free too'].map((id) => key(id));
        const [, done, held, lapsed] = keys as [InboxKey, InboxKey, InboxKey, InboxKey];
        await inbox.claim([lapsed], ada, 1);
        await inbox.claim([done, held], ada, HOUR);
        await inbox.complete([done], ada, HOUR);
        await waitFor(async () => (await inbox.renew([lapsed], ada, 1))[0] === false);
        expect(await inbox.claim(keys, bob, HOUR)).toEqual([
          'claimed',
          'handled',
          expect.any(Number),
          'claimed',
          'claimed',
        ]);
      });

      it('may be for a thousand keys, or for none', async () => {
        const keys = Array.from({ length: 1000 }, (_, i) => key(`${i}`));
        expect(await inbox.claim(keys, ada, HOUR)).toEqual(keys.map(() => 'claimed'));
        expect(await inbox.renew(keys, ada, HOUR)).toEqual(keys.map(() => true));
        await inbox.complete(keys, ada, HOUR);
        expect(await inbox.claim(keys, bob, HOUR)).toEqual(keys.map(() => 'handled'));
        expect(await inbox.claim([], ada, HOUR)).toEqual([]);
        expect(await inbox.renew([], ada, HOUR)).toEqual([]);
        await inbox.complete([], ada, HOUR);
        await inbox.release([], ada);
      });

      it('is for its key only, whatever characters are in it', async () => {
        const pairs = [
          ['a', 'b:c'],
          ['a:b', 'c'],
          ['a\0', 'b'],
          ['a', '\0b'],
          ['"', "'"],
          ['🦄'.repeat(3000), 'x'.repeat(5000)],
          ['🦄'.repeat(3000), 'x'.repeat(5001)],
          ['{a}', 'b}'],
          ['1', 'mail\\'],
          ['a\uD800', 'b'],
        ];
        const keys = pairs.map(([eventId, handlerId]) => key(eventId, handlerId));
        for (const each of keys) expect(await inbox.claim([each], ada, HOUR)).toEqual(['claimed']);
        await inbox.complete(keys, ada, HOUR);
        expect(await inbox.claim(keys, bob, HOUR)).toEqual(keys.map(() => 'handled'));
      });
    });

    describe('a mark', () => {
      it('is there for everybody, and ends the claim', async () => {
        await claim(ada);
        await inbox.complete([key()], ada, HOUR);
        expect(await claim(ada)).toEqual(['handled']);
        expect(await claim(bob)).toEqual(['handled']);
        await inbox.release([key()], ada);
        expect(await claim(bob)).toEqual(['handled']);
      });

      it('is forgotten when its time is over', async () => {
        await claim(ada);
        await inbox.complete([key()], ada, 300);
        expect(await claim(bob)).toEqual(['handled']);
        await waitFor(async () => (await claim(bob))[0] === 'claimed', {
          message: 'the mark to be forgotten',
        });
      });

      it('is made by an owner who has lost his claim, too: his handler has run', async () => {
        await claim(ada, 1);
        await waitFor(async () => (await claim(bob))[0] === 'claimed');
        await inbox.complete([key(), key('never claimed')], ada, HOUR);
        expect(await inbox.claim([key(), key('never claimed')], 'eve', HOUR)).toEqual(['handled', 'handled']);
        expect(await inbox.renew([key()], bob, HOUR)).toEqual([false]);
        await inbox.complete([key()], bob, HOUR);
        expect(await claim('eve')).toEqual(['handled']);
      });

      it('may be made twice', async () => {
        await claim(ada);
        await twenty(() => inbox.complete([key()], ada, HOUR));
        expect(await claim(bob)).toEqual(['handled']);
      });
    });

    describe('a release', () => {
      it('makes the key free at once', async () => {
        await claim(ada);
        await inbox.release([key()], ada);
        expect(await claim(bob)).toEqual(['claimed']);
      });

      it('is not for others', async () => {
        await claim(ada);
        await inbox.release([key(), key('unknown')], bob);
        expect(await claim(bob)).toEqual([expect.any(Number)]);
        expect(await inbox.renew([key()], ada, HOUR)).toEqual([true]);
      });
    });

    describe('a renewal', () => {
      it('keeps a claim beyond its lease', async () => {
        await claim(ada, 3000);
        expect(await inbox.renew([key()], ada, HOUR)).toEqual([true]);
        const [wait] = await claim(bob);
        expect(wait).toBeGreaterThan(HOUR - 60_000);
      });

      it('is for what the owner still holds, and says what that is', async () => {
        const keys = ['held', 'unknown', 'other', 'lapsed'].map((id) => key(id));
        const [held, , other, lapsed] = keys as [InboxKey, InboxKey, InboxKey, InboxKey];
        await inbox.claim([held], ada, HOUR);
        await inbox.claim([other], bob, HOUR);
        await inbox.claim([lapsed], ada, 1);
        await waitFor(async () => (await inbox.claim([lapsed], bob, HOUR))[0] === 'claimed');
        expect(await inbox.renew(keys, ada, HOUR)).toEqual([true, false, false, false]);
        expect(await inbox.renew([other, lapsed], bob, HOUR)).toEqual([true, true]);
      });
    });

    it('may be opened and closed twice', async () => {
      await inbox.open?.('orders');
      await inbox.close?.();
      await inbox.close?.();
      expect(await (await open('orders')).claim([key()], ada, HOUR)).toEqual(['claimed']);
    });

    if (stores.shared === false) return;

    it('is one inbox in two processes, and another one for another service', async () => {
      const [same, other] = [await open('orders'), await open('billing')];
      await claim(ada);
      expect(await same.claim([key()], bob, HOUR)).toEqual([expect.any(Number)]);
      expect(await other.claim([key()], bob, HOUR)).toEqual(['claimed']);
      await other.complete([key()], ada, HOUR);
      expect(await same.renew([key()], ada, HOUR)).toEqual([true]);
      await same.complete([key()], ada, HOUR);
      expect(await claim(bob)).toEqual(['handled']);
    });

    it('may be opened by many at once in a new place', async () => {
      place = `q_${randomUUID()}`;
      const all = await twenty(() => open('orders'));
      await all[0]!.complete([key()], ada, HOUR);
      expect(await all[19]!.claim([key()], bob, HOUR)).toEqual(['handled']);
    });
  });
}
