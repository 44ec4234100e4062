import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { EventBackend } from 'nestjs-durable-events';
import { type ConformanceOptions, describeBackend } from 'nestjs-durable-events/testing';
import { MISTAKES, PlainBackend } from './plain-backend.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const CAPABILITIES = { redelivery: true, delay: true };

describeBackend(() => new PlainBackend(), CAPABILITIES, { name: 'a backend that only acts on outcomes' });

const notCalled = () => Promise.reject(new Error('Nothing was to be run.'));

/** Registers the kit with a runner that runs nothing, and returns its cases. */
function casesFor(make: () => EventBackend, capabilities: object, options: ConformanceOptions = {}) {
  const cases = new Map<string, () => Promise<void>>();
  const skipped: string[] = [];
  const register = (name: string, test: () => Promise<void>) => cases.set(name, test);
  const runner = {
    describe: (_: string, define: () => void) => define(),
    it: Object.assign(register, { skip: (name: string) => skipped.push(name) }),
  };
  describeBackend(make, capabilities, { timeoutMs: 300, ...options, runner });
  return { cases, skipped };
}

describe('the kit', () => {
  it.each(Object.entries(MISTAKES))('fails a backend that %s', async (_, { make, fails }) => {
    const { cases } = casesFor(
      make,
      { ...CAPABILITIES, ordering: make().capabilities?.ordering },
      { concurrency: 2 },
    );
    const error = await cases.get(fails)!().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ name: 'AssertionError' });
  });

  it('shows every case that it leaves out, with the reason', () => {
    const { cases, skipped } = casesFor(() => new PlainBackend(), {});
    expect(skipped).toContain(
      'delivers a delayed event when it is due, not before, and once (not declared: delay)',
    );
    const all = casesFor(
      () => new PlainBackend(),
      { durable: true, delay: true, ordering: true, broadcast: true, redelivery: true, shared: true },
      { concurrency: 2, leaseMs: 100, outage: notCalled, corrupt: notCalled },
    );
    expect(all.skipped).toEqual([]);
    expect(cases.size + skipped.length).toBe(all.cases.size);
  });

  it('refuses to run where there is no test runner', () => {
    const { it: globalIt } = globalThis as { it?: unknown };
    try {
      Object.assign(globalThis, { it: undefined });
      expect(() => describeBackend(() => new PlainBackend())).toThrow(/no global 'describe' and 'it'/);
    } finally {
      Object.assign(globalThis, { it: globalIt });
    }
  });
});
