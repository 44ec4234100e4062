import assert from 'node:assert/strict';
import type { EventBus } from '../../../../event-bus.js';
import type { HandlerContext } from '../../../../handlers/handler.js';
import type { Instance } from '../../instances.js';
import { ABORT_GRACE_MS } from '../../instances.js';
import type { ConformanceCase, Rig } from '../../rig.js';
import { range } from '../support.js';

const DEADLINE_MS = 100;

/** What happens to handlers that do not end in time. */
export const deadlineCases: readonly ConformanceCase[] = [
  {
    name: 'closes at its deadline although a handler hangs, and tells that handler',
    run: async (rig) => {
      let told = false;
      const { bus } = await hanging(rig, () => (told = true));
      const startedAt = performance.now();
      await bus.close();
      assert.ok(told, 'the signal of the handler did not abort');
      assertInTime(rig, startedAt);
    },
  },
  {
    name: 'closes although a handler hangs that does not listen to anybody',
    run: async (rig) => {
      const gate = rig.gate();
      const { bus } = await rig.start(
        (bus) =>
          bus.on(
            'x',
            rig.handler(() => gate.passed),
            { id: 'h' },
          ),
        undefined,
        { drainTimeoutMs: DEADLINE_MS },
      );
      await bus.emitAsync('x', 1);
      await rig.until('the handler to run', () => rig.calls.length === 1);
      const startedAt = performance.now();
      const { abandoned } = await bus.close();
      assert.equal(abandoned, 1);
      assertInTime(rig, startedAt);
    },
  },
  {
    name: 'gives an event that its shutdown interrupted to the next instance, and counts no try for it',
    needs: ['durable'],
    run: async (rig) => {
      const { bus } = await hanging(rig);
      const { released } = await bus.close();
      assert.ok(released >= 1, `it says that it released ${released} deliveries`);
      await assertNextGetsIt(rig);
    },
  },
  {
    name: 'gives what its shutdown interrupted to another instance at once, without waiting for the lease',
    needs: ['durable', 'shared', 'leaseMs'],
    run: async (rig) => {
      const { bus } = await hanging(rig);
      const other = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
      await bus.close();
      const closedAt = performance.now();
      await rig.untilTakenOver('the other instance to get the event', () => rig.calls.length === 2);
      const waitedMs = rig.calls[1]!.at - closedAt;
      assert.ok(waitedMs < rig.leaseMs / 2, `the other instance waited ${waitedMs.toFixed()} ms for it`);
      assert.equal(rig.calls[1]!.attempt, 1);
      assert.equal(await other.bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'makes no dead letter of an event that its shutdowns interrupt again and again',
    needs: ['durable'],
    run: async (rig) => {
      for (const i of range(5)) {
        rig.calls.length = 0;
        const { bus } = await hanging(rig, undefined, i > 0);
        await bus.close();
      }
      await assertNextGetsIt(rig);
    },
  },
];

/** A service that has taken up an event whose handler fails as soon as it is interrupted, and not before. */
async function hanging(rig: Rig, onAbort?: () => void, emitted = false): Promise<Instance> {
  const hang = (_: unknown, { signal }: HandlerContext) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        onAbort?.();
        reject(signal.reason as Error);
      });
    });
  const define = (bus: EventBus) => bus.on('x', rig.handler(hang), { id: 'h' });
  const instance = await rig.start(define, undefined, { drainTimeoutMs: DEADLINE_MS });
  if (!emitted) await instance.bus.emitAsync('x', 1);
  await rig.untilTakenOver('the handler to run', () => rig.calls.length === 1);
  return instance;
}

function assertInTime(rig: Rig, startedAt: number): void {
  const tookMs = performance.now() - startedAt;
  const limitMs = DEADLINE_MS + ABORT_GRACE_MS + rig.toleranceMs;
  assert.ok(tookMs < limitMs, `close() took ${tookMs.toFixed()} ms, which is more than ${limitMs}`);
}

async function assertNextGetsIt(rig: Rig): Promise<void> {
  const { bus } = await rig.start((bus) => bus.on('x', rig.handler(), { id: 'h' }));
  await rig.untilTakenOver('the next instance to get the event', () => rig.calls.length === 2);
  assert.equal(rig.calls[1]!.attempt, 1, 'an interruption by shutdown is not an attempt');
  assert.equal(await bus.deadLetters.size(), 0);
}
