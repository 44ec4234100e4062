import assert from 'node:assert/strict';
import { EventBusClosedError } from '../../../../errors.js';
import type { EventBus } from '../../../../event-bus.js';
import type { ConformanceCase } from '../../rig.js';
import { within } from '../../within.js';
import { assertNumbers, distinct, range } from '../support.js';

export const shutdownCases: readonly ConformanceCase[] = [
  {
    name: 'closes before it was started, and ten times at once',
    run: async (rig) => {
      const { bus, backend } = await rig.make();
      await Promise.all(range(10).flatMap(() => [bus.close(), backend.close()]));
      await backend.close();
    },
  },
  {
    name: 'closes while it is starting',
    run: async (rig) => {
      const { bus } = await rig.make();
      bus.on('x', rig.handler(), { id: 'h' });
      const started = bus.start();
      await within(
        rig.timeoutMs,
        'start() and close()',
        Promise.all([started.catch(() => undefined), bus.close()]),
      );
    },
  },
  {
    name: 'closes at once when it has nothing to do',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await bus.emitAsync('x', 1);
      await rig.until('the event', () => rig.calls.length === 1);
      await rig.settle(); // it waits for the next one by now
      const startedAt = performance.now();
      await Promise.all(range(10).map(() => bus.close()));
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < rig.toleranceMs, `close() took ${tookMs.toFixed()} ms`);
    },
  },
  {
    name: 'loses nothing that was accepted before it closed, and accepts nothing after it',
    run: async (rig) => {
      const define = (bus: EventBus) => bus.on('x', rig.handler(), { id: 'h' });
      const { bus } = await rig.start(define);
      await Promise.all(range(200).map((i) => bus.emitAsync('x', i)));
      await bus.close();
      await assert.rejects(bus.emitAsync('x', 200), EventBusClosedError);
      if (rig.capabilities.durable) {
        await rig.start(define);
        await rig.until('what the first instance left', () => distinct(rig.calls) >= 200);
      }
      assertNumbers(rig.calls, range(200));
    },
  },
  {
    name: 'loses nothing that it confirms while it closes',
    run: async (rig) => {
      const define = (bus: EventBus) => bus.on('x', rig.handler(), { id: 'h' });
      const { bus } = await rig.start(define);
      const confirmed: number[] = [];
      let next = 0;
      let refusals = 0;
      const publishers = range(20).map(async () => {
        while (refusals === 0 || next < 100) {
          await new Promise((resolve) => setImmediate(resolve)); // others have their turn
          const i = next++;
          await bus.emitAsync('x', i).then(
            () => confirmed.push(i),
            () => refusals++,
          );
        }
      });
      await rig.until('traffic', () => rig.calls.length >= 20);
      await Promise.all([bus.close(), ...publishers]);
      if (rig.capabilities.durable) await rig.start(define);
      const lost = () => {
        const handled = new Set(rig.calls.map(({ data }) => data));
        return confirmed.filter((i) => !handled.has(i));
      };
      await rig.until('what was confirmed', () => lost().length === 0);
    },
  },
  {
    name: 'lets running handlers finish, and what they emit last arrive',
    run: async (rig) => {
      const gate = rig.gate();
      const { bus } = await rig.start((bus) => {
        const last = rig.handler(async (_, context) => {
          await gate.passed;
          await context.bus.emitAsync('last', 1);
        });
        bus.on('running', last, { id: 'running' });
        bus.on('last', rig.handler(), { id: 'last' });
      });
      await bus.emitAsync('running', 1);
      await rig.until('the handler to run', () => rig.callsOf('running').length === 1);
      const closing = bus.close();
      await new Promise((resolve) => setImmediate(resolve));
      gate.open();
      await closing;
      if (rig.capabilities.durable && rig.callsOf('last').length === 0) {
        await rig.start((bus) => bus.on('last', rig.handler(), { id: 'last' }));
        await rig.until('the last event', () => rig.callsOf('last').length > 0);
      }
      assert.equal(rig.callsOf('running').length, 1);
      assert.equal(rig.callsOf('last').length, 1);
    },
  },
  {
    name: 'begins nothing new while it drains, and leaves the rest to others',
    needs: ['durable'],
    run: async (rig) => {
      const gate = rig.gate();
      let begun = 0;
      const act = rig.handler(() => (++begun > 1 ? gate.passed : undefined));
      const { bus } = await rig.start((bus) => bus.on('x', act, { id: 'h' }), undefined, {
        drainTimeoutMs: rig.timeoutMs,
      });
      for (const i of range(100)) await bus.emitAsync('x', i);
      await rig.until('handlers to run', () => begun > 1);
      const draining = bus.drain();
      await rig.settle();
      const running = begun;
      gate.open();
      await draining;
      assert.equal(begun, running, 'handlers began while it drained');
      await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await rig.untilTakenOver('the rest', () => distinct(rig.calls) === 100);
      await rig.settle();
      assertNumbers(rig.calls, range(100));
    },
  },
  {
    name: 'tells its health and counts in numbers, where it tells them',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await bus.emitAsync('x', 1);
      await rig.until('the event', () => rig.calls.length === 1);
      assert.equal((await bus.health()).status, 'up');
      for (const [name, value] of Object.entries((await bus.stats()).backend)) {
        assert.ok(Number.isFinite(value), `the figure '${name}' is ${String(value)}`);
      }
    },
  },
];
