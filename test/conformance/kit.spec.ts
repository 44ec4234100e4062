import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { EventConfigurationError } from 'nestjs-durable-events';
import { describeBackend } from 'nestjs-durable-events/testing';
import { MEMORY_LIMITS, MEMORY_MISTAKES } from './mistakes/memory.js';
import { PLAIN_MISTAKES } from './mistakes/plain.js';
import { CLOSING_MISTAKES } from './mistakes/closing.js';
import { CLOSED_CLIENT, CUT_CONNECTION, durableMistakes } from './mistakes/durable.js';
import { DUPLICATE_MISTAKES } from './mistakes/duplicates.js';
import { ENVELOPE_MISTAKES } from './mistakes/envelopes.js';
import { OUTCOME_MISTAKES } from './mistakes/outcomes.js';
import { processMistakes } from './mistakes/processes.js';
import { brokerMistakes } from './mistakes/redis-outages.js';
import { quickRedis } from './mistakes/redis.js';
import { byCase, failureOf, noticed, registered } from './mistakes/registered.js';
import { STORE_MISTAKES } from './mistakes/stores.js';
import { transact, transactional, TRANSACTION_MISTAKES } from './mistakes/transactions.js';
import { PlainBackend } from './plain-backend.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const CAPABILITIES = { redelivery: true, delay: true };
const plain = () => new PlainBackend();

describeBackend(plain, CAPABILITIES, { name: 'a backend that only acts on outcomes' });

describeBackend(
  transactional,
  { ...CAPABILITIES, transactions: true },
  { name: 'the same with transactions of the caller', transact },
);

const notCalled = (): never => {
  throw new Error('Nothing was to be run.');
};
const ALL_CAPABILITIES = {
  ...CAPABILITIES,
  durable: true,
  ordering: true,
  broadcast: true,
  shared: true,
  dedup: true,
  transactions: true,
  cancel: true,
  maxEventBytes: 1000,
};
const ALL_HOOKS = {
  concurrency: 2,
  leaseMs: 100,
  outage: notCalled,
  strand: notCalled,
  erase: notCalled,
  corrupt: notCalled,
  borrow: notCalled,
  transact: notCalled,
  fork: notCalled,
};

const IN_PROCESS = {
  ...PLAIN_MISTAKES,
  ...ENVELOPE_MISTAKES,
  ...OUTCOME_MISTAKES,
  ...CLOSING_MISTAKES,
  ...MEMORY_MISTAKES,
  ...DUPLICATE_MISTAKES,
  ...STORE_MISTAKES,
  ...TRANSACTION_MISTAKES,
};

describe('the kit fails a backend that', () => {
  const limits = { timeoutMs: 300, concurrency: 2, leaseMs: MEMORY_LIMITS.leaseMs };

  it.each(byCase(IN_PROCESS))('%s: %s', async (_, name, mistake) => {
    expect(await failureOf(name, mistake, limits)).toMatchObject(noticed(mistake.says));
  });
});

describe('the kit', () => {
  it('shows every case that it leaves out, with the reason', () => {
    const { cases, skipped, summary } = registered(plain, {});
    const left = 'delivers a delayed event when it is due, not before, and once';
    expect(skipped).toContain(`${left} (not declared: delay)`);
    expect(skipped).toContain(
      'loses no confirmed event, and no retry, when the broker breaks down twice under load (not declared: durable; no hook: outage)',
    );
    expect(summary.skipped).toContainEqual({ name: left, reason: 'not declared: delay' });
    expect([summary.cases, summary.skipped.length]).toEqual([cases.size, skipped.length]);
    const all = registered(plain, ALL_CAPABILITIES, ALL_HOOKS);
    expect(all.skipped).toEqual([]);
    expect(cases.size + skipped.length).toBe(all.cases.size);
  });

  it('names every case differently', () => {
    const { cases, summary } = registered(plain, ALL_CAPABILITIES, ALL_HOOKS);
    expect(cases.size).toBe(summary.cases);
  });

  it('has no case that is not shown to notice a mistake', () => {
    const url = () => notCalled();
    const redis = quickRedis(url);
    const others = [durableMistakes(redis), brokerMistakes(redis), processMistakes(url, redis)];
    const noticing = [IN_PROCESS, ...others].flatMap((mistakes) => byCase(mistakes).map(([, name]) => name));
    const { cases } = registered(plain, ALL_CAPABILITIES, ALL_HOOKS);
    expect([...cases.keys()].sort()).toEqual(
      [...new Set([...noticing, CLOSED_CLIENT, CUT_CONNECTION])].sort(),
    );
  });

  it('fails what it cannot run when it is strict', async () => {
    const { cases, skipped, summary } = registered(plain, CAPABILITIES, { strict: true });
    expect(skipped).toEqual([]);
    expect(summary.skipped.length).toBeGreaterThan(10);
    const left = cases.get('keeps delayed events over a restart (not declared: durable)')!;
    await expect(left()).rejects.toThrow(/did not run \(not declared: durable\)/);
  });

  it('refuses capabilities and options that it does not know, for their cases would not run', () => {
    const misspelt = { dealy: true } as object;
    expect(() => registered(plain, misspelt)).toThrow(EventConfigurationError);
    expect(() => registered(plain, misspelt)).toThrow(/capability 'dealy'.*durable, delay/);
    expect(() => registered(plain, {}, misspelt)).toThrow(/option 'dealy'/);
  });

  it('refuses to run where there is no test runner', () => {
    const { it: globalIt } = globalThis as { it?: unknown };
    try {
      Object.assign(globalThis, { it: undefined });
      expect(() => describeBackend(plain)).toThrow(/no global 'describe' and 'it'/);
    } finally {
      Object.assign(globalThis, { it: globalIt });
    }
  });
});
