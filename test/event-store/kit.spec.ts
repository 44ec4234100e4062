import { describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from 'nestjs-durable-events/store';
import {
  describeEventStore,
  type EventStoreConformanceOptions,
  type EventStoreFactory,
} from 'nestjs-durable-events/testing';
import { BROKEN } from './broken-stores.js';

/** What `describeEventStore` registers, with a runner that runs nothing. */
function registered(factory: EventStoreFactory, options: EventStoreConformanceOptions = {}) {
  const cases = new Map<string, () => Promise<void>>();
  const skipped: string[] = [];
  const runner = {
    describe: (_: string, define: () => void) => define(),
    it: Object.assign((name: string, test: () => Promise<void>) => cases.set(name, test), {
      skip: (name: string) => skipped.push(name),
    }),
  };
  const summary = describeEventStore('store', factory, { timeoutMs: 300, ...options, runner });
  return { cases, skipped, summary };
}

const mistakes = Object.entries(BROKEN).map(([what, [name, make]]) => ({ what, name, make }));

describe('describeEventStore', () => {
  it.each(mistakes)('fails a store that $what', async ({ name, make }) => {
    const store = make();
    const test = registered(() => store).cases.get(name);
    expect(test).toBeDefined();
    await expect(test!()).rejects.toMatchObject({ name: 'AssertionError' });
    await MemoryEventStore.prototype.close.call(store);
  });

  it('shows what it leaves out, and why', () => {
    const { cases, skipped, summary } = registered(() => new MemoryEventStore());
    expect(skipped).toContain('goes on where another store stopped (not given: shared)');
    expect(summary.skipped).toContainEqual({
      name: 'appends when the transaction commits, and not before',
      reason: 'not given: transact',
    });
    expect([summary.cases, summary.skipped.length]).toEqual([cases.size, skipped.length]);
    const all = registered(() => new MemoryEventStore(), {
      shared: true,
      transact: () => Promise.reject(new Error('not called')),
    });
    expect(all.skipped).toEqual([]);
    expect(all.cases.size).toBe(cases.size + skipped.length);
  });

  it('refuses to run where there is no test runner', () => {
    const { it: globalIt } = globalThis as { it?: unknown };
    try {
      Object.assign(globalThis, { it: undefined });
      expect(() => describeEventStore('store', () => new MemoryEventStore())).toThrow(
        /describeEventStore\(\) found no global/,
      );
    } finally {
      Object.assign(globalThis, { it: globalIt });
    }
  });
});
