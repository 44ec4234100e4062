import assert from 'node:assert/strict';
import type { EventBus } from '../../../../event-bus.js';
import type { Instance } from '../../instances.js';
import type { ConformanceCase, Rig } from '../../rig.js';
import { distinct, range } from '../support.js';

export const orderCases: readonly ConformanceCase[] = [
  {
    name: 'handles as many events at once as it says, and no more',
    needs: ['concurrency'],
    run: async (rig) => {
      const concurrency = rig.options.concurrency!;
      const gate = rig.gate();
      const { bus } = await rig.start((bus) =>
        bus.on(
          'busy',
          rig.handler(() => gate.passed),
          { id: 'h' },
        ),
      );
      for (const i of range(2 * concurrency)) await bus.emitAsync('busy', i);
      await rig.until(`${concurrency} handlers`, () => rig.calls.length >= concurrency);
      await rig.settle();
      assert.equal(rig.calls.length, concurrency);
      gate.open();
      await rig.until('all events', () => rig.calls.length === 2 * concurrency);
    },
  },
  {
    name: 'handles events of one key in order and one at a time, others beside them',
    needs: ['ordering'],
    run: async (rig) => {
      const lanes = new Lanes(rig);
      const { bus } = await rig.start(lanes.define);
      await lanes.emit(bus, range(50));
      await rig.until('400 events', () => rig.calls.length >= 400);
      lanes.assertOrder(range(50));
      assert.ok(lanes.mostKeys > 1, 'different keys did not run at the same time');
    },
  },
  {
    name: 'keeps the order of a key while instances come and go',
    needs: ['ordering', 'shared'],
    run: async (rig) => {
      const lanes = new Lanes(rig);
      const first = await rig.start(lanes.define);
      const starting: Promise<Instance>[] = [];
      for (const round of range(12)) {
        if (round % 3 === 2) starting.push(rig.start(lanes.define));
        if (round === 8) void first.bus.close();
        const publisher = round < 8 ? first : await starting[0]!;
        await lanes.emit(
          publisher.bus,
          range(5).map((i) => 5 * round + i),
        );
      }
      await Promise.all(starting);
      await rig.untilTakenOver('480 events', () => distinct(rig.calls) >= 60 && rig.calls.length >= 480);
      await rig.settle();
      lanes.assertOrder(range(60));
    },
  },
  {
    name: 'keeps the order of a key when its process is killed',
    needs: ['ordering', 'fork', 'durable', 'leaseMs'],
    run: async (rig) => {
      const lanes = new Lanes(rig);
      const publisher = await rig.make();
      const victim = await rig.fork('hold');
      await lanes.emit(publisher.bus, range(10), 'work');
      await rig.until('the victim to have work', () => victim.calls.length > 0);
      await rig.settle(); // what it should not let go of, it has let go of by now
      await victim.kill();
      await rig.start(lanes.define);
      await lanes.emit(publisher.bus, [10, 11, 12], 'work');
      await rig.untilTakenOver('104 events', () => rig.calls.length >= 104);
      await rig.settle();
      lanes.assertOrder(range(13));
    },
  },
];

const KEYS = range(8).map((i) => `key-${i}`);

/** Events of several keys, and a handler that watches how they come. */
class Lanes {
  mostKeys = 0;
  readonly define = (bus: EventBus): void => {
    const watch = this.rig.handler(async ({ event, data }) => {
      const key = event.key!;
      if (this.#running.has(key)) this.#overlaps.push(`${key} at ${String(data)}`);
      this.#running.add(key);
      this.mostKeys = Math.max(this.mostKeys, this.#running.size);
      await (Number(data) % 3 === 0 ? this.rig.settle(1) : undefined);
      this.#running.delete(key);
    });
    for (const type of ['keyed', 'work']) bus.on(type, watch, { id: 'h' });
  };
  readonly #running = new Set<string>();
  readonly #overlaps: string[] = [];

  constructor(private readonly rig: Rig) {}

  /** In batches, so that events of one key are there at the same time. */
  async emit(bus: EventBus, numbers: readonly number[], type = 'keyed'): Promise<void> {
    const events = numbers.flatMap((data) => KEYS.map((key) => ({ type, data, options: { key } })));
    const results = await bus.emitBatch(events);
    const refused = results.find(({ status }) => status === 'rejected');
    assert.equal(refused, undefined);
  }

  /** Every key had these numbers, in this order, and one at a time. */
  assertOrder(numbers: readonly number[]): void {
    for (const key of KEYS) {
      const seen = this.rig.calls.filter(({ event }) => event.key === key).map(({ data }) => data);
      assert.deepEqual(seen, numbers, `the order of ${key}`);
    }
    assert.deepEqual(this.#overlaps, [], 'two events of one key ran at the same time');
  }
}
