import { describe, expect, it } from '@jest/globals';
import { CircuitBreaker } from '../../lib/dispatch/circuit-breaker.js';
import { resolveCircuitBreaker } from '../../lib/dispatch/circuit-breaker-options.js';
import type { CircuitBreakerOptions } from 'nestjs-durable-events';

/** A breaker with a clock that the test turns. */
function make(options: CircuitBreakerOptions = {}, random = 0) {
  const clock = { now: 1_000_000 };
  const resolved = resolveCircuitBreaker(options, undefined, 'Test')!;
  const circuit = new CircuitBreaker(
    resolved,
    () => clock.now,
    () => random,
  );
  const call = (ok: boolean) => {
    expect(circuit.admit()).toBe(0);
    return ok ? circuit.succeeded(circuit.epoch) : circuit.failed(circuit.epoch);
  };
  const fail = (times: number) => Array.from({ length: times }, () => call(false)).includes(true);
  return { clock, circuit, call, fail };
}

describe('a closed circuit', () => {
  it('opens at the failure rate, not before there are enough calls', () => {
    const { circuit, fail } = make({ minimumCalls: 4 });
    expect(fail(3)).toBe(false);
    expect(circuit.state).toBe('closed');
    expect(fail(1)).toBe(true);
    expect(circuit.state).toBe('open');
  });

  it('stays closed while enough calls succeed', () => {
    const { circuit, call } = make({ minimumCalls: 4, failureRate: 0.5 });
    for (let i = 0; i < 100; i++) call(i % 3 !== 2);
    expect(circuit.state).toBe('closed');
    while (circuit.state === 'closed') call(false);
    expect(circuit.admit()).toBeGreaterThan(0);
  });

  it('forgets what is older than the window', () => {
    const { circuit, clock, fail } = make({ minimumCalls: 4, windowMs: 1000 });
    fail(3);
    clock.now += 1100;
    fail(3);
    expect(circuit.state).toBe('closed');
    clock.now += 500;
    fail(1);
    expect(circuit.state).toBe('open');
  });

  it('lets go of the window a tenth at a time', () => {
    const { circuit, clock, call } = make({ minimumCalls: 10, windowMs: 1000, failureRate: 1 });
    call(true);
    for (let i = 0; i < 9; i++) {
      clock.now += 100;
      call(false);
    }
    expect(circuit.state).toBe('closed');
    clock.now += 100; // the success has left it
    call(false);
    expect(circuit.state).toBe('open');
  });

  it('does not count calls that say nothing', () => {
    const { circuit } = make({ minimumCalls: 1 });
    circuit.admit();
    circuit.abstained(circuit.epoch);
    expect(circuit.state).toBe('closed');
  });
});

describe('an open circuit', () => {
  it('tells how long it stays so, with a spread', () => {
    for (const [random, spread] of [
      [0, 0],
      [0.5, 50],
    ] as const) {
      const { circuit, clock, fail } = make({ minimumCalls: 1, openMs: 1000 }, random);
      fail(1);
      expect(circuit.admit()).toBe(1000 + spread);
      clock.now += 400;
      expect(circuit.admit()).toBe(600 + spread);
    }
  });

  it('does not listen to calls that began before it opened', () => {
    const { circuit, clock, fail } = make({ minimumCalls: 2, openMs: 1000 });
    circuit.admit();
    const early = circuit.epoch;
    fail(2);
    expect(circuit.succeeded(early)).toBe(false);
    expect(circuit.state).toBe('open');
    clock.now += 1000;
    expect(circuit.admit()).toBe(0);
    circuit.failed(early);
    circuit.abstained(early);
    circuit.succeeded(early);
    expect(circuit.state).toBe('half-open');
    expect(circuit.admit()).toBeGreaterThan(0);
  });
});

describe('a half-open circuit', () => {
  function halfOpen(options: CircuitBreakerOptions = {}) {
    const made = make({ minimumCalls: 1, openMs: 1000, ...options });
    made.fail(1);
    made.clock.now += 1000;
    return made;
  }

  it('closes when its trial succeeds, and starts to count anew', () => {
    const { circuit, clock, call, fail } = make({ minimumCalls: 3, openMs: 1000 });
    fail(3);
    clock.now += 1000;
    expect(call(true)).toBe(true);
    expect(circuit.state).toBe('closed');
    expect(fail(2)).toBe(false);
    expect(fail(1)).toBe(true);
  });

  it('opens again when its trial fails, for as long as before', () => {
    const { circuit, call } = halfOpen();
    expect(call(false)).toBe(false);
    expect(circuit.state).toBe('open');
    expect(circuit.admit()).toBe(1000);
  });

  it('lets as many through as it is told, and closes when all of them have succeeded', () => {
    const { circuit } = halfOpen({ halfOpenCalls: 2 });
    expect([circuit.admit(), circuit.admit(), circuit.admit()]).toEqual([0, 0, 100]);
    const { epoch } = circuit;
    expect(circuit.succeeded(epoch)).toBe(false);
    expect(circuit.admit()).toBe(100);
    expect(circuit.succeeded(epoch)).toBe(true);
  });

  it('gives the place of a trial that says nothing to another', () => {
    const { circuit } = halfOpen();
    expect(circuit.admit()).toBe(0);
    expect(circuit.admit()).toBe(100);
    circuit.abstained(circuit.epoch);
    expect(circuit.admit()).toBe(0);
  });

  it('does not wait for ever for a trial that hangs', () => {
    const { circuit, clock } = halfOpen();
    expect(circuit.admit()).toBe(0);
    clock.now += 999;
    expect(circuit.admit()).toBeGreaterThan(0);
    clock.now += 1;
    expect(circuit.admit()).toBe(0);
    expect(circuit.succeeded(circuit.epoch)).toBe(true);
  });
});

describe('options', () => {
  const resolve = resolveCircuitBreaker;

  it('have defaults, take the rest from the module, and can be turned off', () => {
    const all = { failureRate: 0.5, minimumCalls: 10, windowMs: 60_000, openMs: 30_000, halfOpenCalls: 1 };
    expect(resolve(true, undefined, 'x')).toEqual(all);
    const module = resolve({ openMs: 5 }, undefined, 'x');
    expect(module).toEqual({ ...all, openMs: 5 });
    expect(resolve(undefined, module, 'x')).toBe(module);
    expect(resolve(true, module, 'x')).toBe(module);
    expect(resolve({ minimumCalls: 2, windowMs: undefined }, module, 'x')).toEqual({
      ...all,
      openMs: 5,
      minimumCalls: 2,
    });
    expect(resolve(false, module, 'x')).toBeUndefined();
    expect(resolve(undefined, undefined, 'x')).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [
      { failureRate: 0 },
      'x has circuitBreaker.failureRate = 0, but it must be a number above 0 and up to 1.',
    ],
    [{ failureRate: 50 }, 'circuitBreaker.failureRate = 50'],
    [{ minimumCalls: 1.5 }, 'circuitBreaker.minimumCalls = 1.5, but it must be a whole number from 1'],
    [{ windowMs: 0 }, 'circuitBreaker.windowMs = 0, but it must be a number of milliseconds above 0'],
    [{ openMs: NaN }, 'circuitBreaker.openMs = NaN'],
    [{ halfOpenCalls: 0 }, 'circuitBreaker.halfOpenCalls = 0'],
    [{ openms: 1 }, 'circuitBreaker.openms = 1, but it must be left out: it is not one of failureRate'],
    ['yes', 'x has circuitBreaker = yes, but it must be true, false or an object of options'],
    [null, 'circuitBreaker = null'],
  ])('%j are refused', (given, message) => {
    expect(() => resolve(given as CircuitBreakerOptions, undefined, 'x')).toThrow(message);
  });
});
