import assert from 'node:assert/strict';
import type { EventBus } from '../../../../event-bus.js';
import type { ConformanceCase, Rig } from '../../rig.js';
import type { Peer } from '../../process/peer.js';
import { assertNumbers, range } from '../support.js';

export const crashCases: readonly ConformanceCase[] = [
  {
    name: 'goes on counting tries after a restart',
    needs: ['durable'],
    run: async (rig) => {
      const policy = { maxRetries: 2, initialBackoffMs: 500, backoffMultiplier: 1 };
      const define = (bus: EventBus) =>
        bus.on(
          'x',
          rig.handler(({ attempt }) => Promise.reject(new Error(`try ${attempt}`))),
          { id: 'h', retry: policy },
        );
      const first = await rig.start(define, undefined, { drainTimeoutMs: 50 });
      await first.bus.emitAsync('x', 1);
      await rig.until('the first failure', () => first.notices.some(({ action }) => action === 'retry'));
      await first.bus.close();
      const second = await rig.start(define);
      const entry = await rig.deadLetter(second.bus, 'h');
      assert.deepEqual(
        rig.calls.map(({ attempt }) => attempt),
        [1, 2, 3],
      );
      assert.deepEqual(
        entry.attempts.map(({ error }) => error.message),
        ['try 1', 'try 2', 'try 3'],
      );
    },
  },
  {
    name: 'keeps a retry whose handler no process has, counts no try for it and asks less and less often',
    needs: ['durable', 'redelivery', 'shared'],
    run: async (rig) => {
      const act = ({ attempt }: { attempt: number }) => {
        if (attempt === 1) throw new Error('not yet');
      };
      const retry = { maxRetries: 1, initialBackoffMs: 800 };
      const define = (bus: EventBus) => bus.on('x', rig.handler(act), { id: 'h', retry });
      const old = await rig.start(define, undefined, { drainTimeoutMs: 50 });
      await old.bus.emitAsync('x', 1);
      await rig.until('the first failure', () => old.notices.some(({ action }) => action === 'retry'));
      await old.bus.close();
      const without = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'other' }));
      const deferrals = () => without.notices.filter(({ action }) => action === 'deferred');
      await rig.until('the retry to be deferred twice', () => deferrals().length >= 2);
      const [first, second] = deferrals().map(({ delayMs }) => delayMs!);
      assert.ok(second! > first!, `after ${first} ms it was asked for again in ${second} ms`);
      await without.bus.close();
      rig.calls.length = 0;
      const { bus } = await rig.start(define);
      await rig.until('the retry', () => rig.callsOf('h').length > 0, rig.timeoutMs + second!);
      assert.equal(rig.calls[0]!.attempt, 2);
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'sends an event that kills every process to the dead letters, and handles the others',
    needs: ['fork', 'durable', 'leaseMs'],
    run: async (rig) => {
      const peers = new Peers(rig);
      // Without handlers for it, this instance only looks at what becomes of the event.
      const { bus } = await rig.make();
      await peers.next();
      for (const data of [...range(5), 'poison', ...range(5).map((i) => i + 5)]) {
        await bus.emitAsync('work', data);
      }
      const entry = await rig.until(
        'the dead letter',
        async () => (await peers.replaceDead(), (await bus.deadLetters.list()).entries[0]),
        rig.timeoutMs + 15 * rig.leaseMs,
      );
      assert.equal(entry.event.data, 'poison');
      await rig.untilTakenOver('the other ten', async () => {
        await peers.replaceDead();
        return new Set(peers.handled()).size === 10;
      });
      assert.equal(await bus.deadLetters.size(), 1);
    },
  },
  {
    name: 'finishes what a killed process had in hand, each event in one of the others',
    needs: ['fork', 'durable', 'shared', 'leaseMs'],
    run: async (rig) => {
      const victim = await rig.fork('hold');
      const { bus } = await rig.make();
      for (const i of range(40)) await bus.emitAsync('work', i);
      await rig.until('the victim to have work', () => victim.calls.length > 0);
      await rig.settle(); // what it should not let go of, it has let go of by now
      await victim.kill();
      const define = (bus: EventBus) => bus.on('work', rig.handler(), { id: 'h' });
      await rig.start(define);
      await rig.start(define);
      await rig.untilTakenOver('all 40 events', () => rig.calls.length >= 40);
      await rig.settle();
      assertNumbers(rig.calls, range(40));
      const had = new Set(victim.calls.map(({ data }) => data));
      for (const { data, attempt, redelivered } of rig.calls.filter((call) => had.has(call.data))) {
        assert.equal(attempt, 1, `a killed process is no failed try of event ${String(data)}`);
        assert.equal(redelivered, true, `event ${String(data)} may have been handled before`);
      }
    },
  },
];

/** One process at a time; when it dies the next is started. */
class Peers {
  readonly #all: { readonly peer: Peer; dead: boolean }[] = [];

  constructor(private readonly rig: Rig) {}

  async next(): Promise<void> {
    const peer = await this.rig.fork('crash');
    const entry = { peer, dead: false };
    void peer.ended.then(() => (entry.dead = true));
    this.#all.push(entry);
  }

  async replaceDead(): Promise<void> {
    if (this.#all.at(-1)!.dead) await this.next();
  }

  handled(): unknown[] {
    const all = this.#all.flatMap(({ peer }) => peer.calls.map(({ data }) => data));
    return all.filter((data) => data !== 'poison');
  }
}
