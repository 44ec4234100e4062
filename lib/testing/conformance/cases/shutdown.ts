import assert from 'node:assert/strict';
import { EventBusClosedError } from '../../../errors.js';
import type { ConformanceCase } from '../rig.js';
import { numbersOf, range } from './support.js';

export const shutdownCases: readonly ConformanceCase[] = [
  {
    name: 'names itself, and declares what it is held to',
    run: async (rig) => {
      const { backend } = await rig.make();
      assert.ok(typeof backend.name === 'string' && backend.name !== '', 'a backend needs a name');
      for (const name of ['durable', 'delay', 'ordering', 'broadcast', 'redelivery'] as const) {
        if (rig.capabilities[name]) assert.equal(backend.capabilities?.[name], true, `capabilities.${name}`);
      }
      if (rig.capabilities.shared)
        assert.notEqual(backend.capabilities?.shared, false, 'capabilities.shared');
    },
  },
  {
    name: 'closes before it was started, and more than once at the same time',
    run: async (rig) => {
      const { bus, backend } = await rig.make();
      await Promise.all([bus.close(), bus.close(), backend.close(), backend.close()]);
      await backend.close();
    },
  },
  {
    name: 'closes while it is starting',
    run: async (rig) => {
      const { bus } = await rig.make();
      bus.on('x', rig.handler(), { id: 'h' });
      const started = bus.start();
      await Promise.all([started.catch(() => undefined), bus.close()]);
    },
  },
  {
    name: 'loses nothing that was accepted before close(), and accepts nothing after it',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      const publishers = range(200).map((i) => bus.emitAsync('x', i));
      await Promise.all(publishers);
      await bus.close();
      await assert.rejects(bus.emitAsync('x', 200), EventBusClosedError);
      if (rig.capabilities.durable) {
        await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
        await rig.until('what the first instance left', () => new Set(numbersOf(rig.calls)).size >= 200);
      }
      assert.deepEqual(numbersOf(rig.calls), range(200));
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
    name: 'closes at its deadline although a handler hangs, and tells that handler',
    run: async (rig) => {
      let told = false;
      const hang = rig.handler(
        (_, { signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              told = true;
              reject(signal.reason as Error);
            });
          }),
      );
      const { bus } = await rig.start((bus) => bus.on('x', hang, { id: 'h' }), undefined, {
        drainTimeoutMs: 100,
      });
      await bus.emitAsync('x', 1);
      await rig.until('the handler to run', () => rig.calls.length === 1);
      const startedAt = performance.now();
      await bus.close();
      assert.ok(told, 'the signal of the handler did not abort');
      // The lifecycle gives handlers and backend a grace of a second each after the deadline.
      const limit = 100 + 2000 + rig.toleranceMs;
      assert.ok(performance.now() - startedAt < limit, 'close() took too long');
      if (!rig.capabilities.durable) return;
      const next = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await rig.until('the next instance to get the event', () => rig.calls.length === 2);
      assert.equal(rig.calls[1]!.attempt, 1, 'an interruption by shutdown is not an attempt');
      assert.equal(await next.bus.deadLetters.size(), 0);
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
