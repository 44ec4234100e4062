import assert from 'node:assert/strict';
import type { EventBus } from '../../../../event-bus.js';
import type { ConformanceCase } from '../../rig.js';
import { assertNumbers, range } from '../support.js';

/** Throws or rejects with anything, errors that hurt included. */
const FAILURES: readonly (readonly [string, () => unknown, RegExp])[] = [
  ['a synchronous throw', () => fail(new TypeError('plain')), /plain/],
  ['a rejection', () => Promise.reject(new Error('rejected')), /rejected/],
  ['a string', () => fail('just text'), /just text/],
  ['undefined', () => fail(undefined), /undefined/],
  ['an object', () => fail({ status: 503 }), /503/],
  ['a circular object', () => fail(circular({})), /not an Error/],
  ['an error with a circular cause', () => fail(new Error('round', { cause: circular({}) })), /round/],
  ['an error with a circular field', () => fail(circular(new Error('and round'))), /and round/],
  ['an error with a BigInt', () => fail(Object.assign(new Error('big'), { amount: 1n })), /big/],
  ['an error with a long message', () => fail(new Error('m'.repeat(100_000))), /mmm/],
];

export const isolationCases: readonly ConformanceCase[] = [
  {
    name: 'retries the second of three handlers without running the first and the third again',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        bus.on('three', rig.handler(), { id: 'first', priority: 3 });
        bus.on(
          'three',
          rig.handler(({ attempt }) => {
            if (attempt < 3) throw new Error('not yet');
          }),
          { id: 'second', priority: 2 },
        );
        bus.on('three', rig.handler(), { id: 'third', priority: 1 });
      });
      for (const i of range(10)) await bus.emitAsync('three', i);
      await rig.until(
        'every handler',
        () => rig.callsOf('second').length >= 30 && rig.callsOf('third').length >= 10,
      );
      await rig.settle();
      assertNumbers(rig.callsOf('first'), range(10), 'the first handler ran once per event');
      assertNumbers(rig.callsOf('third'), range(10), 'the third handler ran once per event');
      for (const i of range(10)) {
        const tries = rig.callsOf('second', i).map(({ attempt }) => attempt);
        assert.deepEqual(tries, [1, 2, 3], `the tries of event ${i}`);
      }
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'runs the other handlers when one fails for good, and keeps one dead letter',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        bus.on(
          'three',
          rig.handler(() => fail(new Error('broken'))),
          { id: 'broken', retry: false, priority: 1 },
        );
        bus.on('three', rig.handler(), { id: 'a' });
        bus.on('three', rig.handler(), { id: 'b' });
      });
      await bus.emitAsync('three', 1);
      await rig.deadLetter(bus, 'broken');
      await rig.until('the other handlers', () => rig.callsOf('a').length + rig.callsOf('b').length >= 2);
      await rig.settle();
      assert.equal(rig.calls.length, 3);
      assert.equal(await bus.deadLetters.size(), 1);
    },
  },
  {
    name: 'survives whatever a handler throws, and says what it was',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        FAILURES.forEach(([, act], i) => bus.on('throws', rig.handler(act), { id: `h${i}`, retry: false }));
      });
      await bus.emitAsync('throws', 1);
      for (const [i, [what, , message]] of FAILURES.entries()) {
        const entry = await rig.deadLetter(bus, `h${i}`);
        assert.match(entry.attempts[0]!.error.message, message, what);
      }
    },
  },
  {
    name: 'goes on with other events while one handler hangs',
    needs: ['concurrent'],
    run: async (rig) => {
      const gate = rig.gate();
      const { bus } = await rig.start((bus) =>
        bus.on(
          'mixed',
          rig.handler(({ data }) => (data === 0 ? gate.passed : undefined)),
          { id: 'h' },
        ),
      );
      for (const i of range(10)) await bus.emitAsync('mixed', i);
      await rig.until('all ten to begin', () => rig.calls.length >= 10);
      gate.open();
      await rig.settle();
      assertNumbers(rig.calls, range(10));
    },
  },
  {
    name: 'does not wait for a retry before it handles other events',
    needs: ['concurrent'],
    run: async (rig) => {
      const define = (bus: EventBus) => {
        const retry = { maxRetries: 1, initialBackoffMs: 60_000, maxBackoffMs: 60_000 };
        bus.on(
          'sick',
          rig.handler(() => fail(new Error('later'))),
          { id: 'sick', retry },
        );
        bus.on('healthy', rig.handler(), { id: 'healthy' });
      };
      const { bus } = await rig.start(define, undefined, { drainTimeoutMs: 50 });
      // Few enough for a backend that keeps a failing event in hand while it waits.
      for (const i of range(3)) await bus.emitAsync('sick', i);
      await rig.until('the failures', () => rig.callsOf('sick').length === 3);
      for (const i of range(50)) await bus.emitAsync('healthy', i);
      await rig.until('50 healthy events', () => rig.callsOf('healthy').length >= 50);
      assert.equal(rig.callsOf('sick').length, 3, 'no retry came early');
    },
  },
  {
    name: 'recovers after every event has failed once in each of three handlers',
    run: async (rig) => {
      const { bus } = await rig.start((bus) => {
        for (const id of ['a', 'b', 'c']) {
          const act = ({ attempt }: { attempt: number }) =>
            attempt === 1 ? fail(new Error('outage')) : undefined;
          bus.on('mass', rig.handler(act), { id });
        }
      });
      for (const i of range(50)) await bus.emitAsync('mass', i);
      await rig.until('300 calls', () => rig.calls.length >= 300);
      await rig.settle();
      assert.equal(rig.calls.length, 300);
      for (const id of ['a', 'b', 'c']) {
        const second = rig.callsOf(id).filter(({ attempt }) => attempt === 2);
        assertNumbers(second, range(50), id);
      }
      assert.equal(await bus.deadLetters.size(), 0);
    },
  },
  {
    name: 'lets go what is handled while one handler hangs, and delivers only what hung again',
    needs: ['durable', 'concurrent'],
    run: async (rig) => {
      const gate = rig.gate();
      const hang = rig.handler(({ data }) => (data === 0 ? gate.passed : undefined));
      const first = await rig.start((bus) => bus.on('mixed', hang, { id: 'h' }), undefined, {
        drainTimeoutMs: 100,
        abortGraceMs: 50,
      });
      for (const i of range(10)) await first.bus.emitAsync('mixed', i);
      await rig.until('all ten to begin', () => rig.calls.length >= 10);
      await first.bus.close();
      await rig.start((bus) => bus.on('mixed', rig.handler(), { id: 'h' }));
      await rig.untilTakenOver('the one that hung', () => rig.callsOf('h', 0).length === 2);
      await rig.settle();
      assertNumbers(rig.calls, [0, ...range(10)]);
    },
  },
];

function fail(thrown: unknown): never {
  throw thrown;
}

function circular<T extends object>(value: T): T {
  return Object.assign(value, { self: value });
}
