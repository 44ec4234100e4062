import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { createEvent, type Event } from '../../lib/event.js';
import { forkProgram } from '../support/fork-program.js';
import { describeWithOwnRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import type { OrderedConsumerSettings } from './programs/ordered-consumer.js';
import { useRedis } from './use-redis.js';

const PROGRAM = join(import.meta.dirname, 'programs/ordered-consumer.ts');
const LEASE_MS = 1000;
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

function keyed(key: string, n: number): Event {
  return createEvent(`${key}.${n}`, n, { key });
}

describeWithOwnRedis('Redis Streams: owners of shards that fail', () => {
  const redis = useRedis();
  const children = new Set<ChildProcess>();
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
  });

  /** Starts a process that consumes and tells of it in the ledger. */
  async function consumer(
    ledger: string,
    settings: Partial<OrderedConsumerSettings> = {},
  ): Promise<ChildProcess> {
    const all = { url: redis.server.url, namespace: redis.test.namespace, leaseMs: LEASE_MS, workMs: 2 };
    const child = forkProgram(PROGRAM, { SETTINGS: JSON.stringify({ ...all, ledger, ...settings }) });
    children.add(child);
    let output = '';
    child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [message] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error(`The consumer ended: ${output}`))),
    ]);
    expect(message).toBe('ready');
    return child;
  }

  async function stats(child: ChildProcess): Promise<Record<string, number>> {
    child.send('stats');
    const [reply] = await once(child, 'message');
    return reply;
  }

  const linesOf = (ledger: string) => redis.test.client.lrange(ledger, 0, -1);

  /** Numbers of the events that began, by key. */
  function begun(lines: readonly string[], key: string): number[] {
    return lines
      .filter((line) => line.startsWith(`begin ${key} `))
      .map((line) => Number(line.slice(line.lastIndexOf('.') + 1)));
  }

  it('keep the order of every key when they are killed, but for the events that ran', async () => {
    const ledger = redis.test.key('ledger');
    const [victim] = await Promise.all([consumer(ledger), consumer(ledger)]);
    const producer = redis.test.backend();
    const producing = (async () => {
      for (let n = 0; n < 150; n++) await Promise.all(KEYS.map((key) => producer.publish(keyed(key, n))));
    })();
    await waitFor(async () => (await redis.test.client.llen(ledger)) > 500, { timeoutMs: 15_000 });
    victim.kill('SIGKILL');
    await producing;
    await waitFor(
      async () => (await linesOf(ledger)).filter((line) => /^end .*\.149$/.test(line)).length === KEYS.length,
      { timeoutMs: 30_000 },
    );
    await producer.idle(AbortSignal.timeout(10_000));
    const lines = await linesOf(ledger);
    for (const key of KEYS) {
      const numbers = begun(lines, key);
      // Each comes after the one before, or once more.
      expect(numbers.filter((n, i) => i > 0 && n !== numbers[i - 1] && n !== numbers[i - 1]! + 1)).toEqual(
        [],
      );
      expect(new Set(numbers).size).toBe(150);
      expect(numbers.length).toBeLessThanOrEqual(151);
    }
  }, 90_000);

  it('cannot settle what another one took over while they were stopped, and start nothing more of it', async () => {
    const ledger = redis.test.key('ledger');
    const stalled = await consumer(ledger, { workMs: 300 });
    const producer = redis.test.backend();
    for (const key of KEYS) for (const n of [0, 1, 2]) await producer.publish(keyed(key, n));
    await waitFor(async () => (await linesOf(ledger)).length >= KEYS.length);
    stalled.kill('SIGSTOP');
    const stoppedAt = (await linesOf(ledger)).length;
    const other = redis.test.key('other');
    await consumer(other);
    await waitFor(async () => (await linesOf(other)).filter((line) => line.endsWith('.2')).length >= 16, {
      timeoutMs: 15_000,
    });
    await producer.idle(AbortSignal.timeout(10_000));
    stalled.kill('SIGCONT');
    await waitFor(async () => (await stats(stalled))['ordered'] === 0, { timeoutMs: 10_000 });
    for (const key of KEYS) await producer.publish(keyed(key, 3));
    const all = async () => [...(await linesOf(ledger)).slice(stoppedAt), ...(await linesOf(other))];
    await waitFor(
      async () => (await all()).filter((line) => /^end .*\.3$/.test(line)).length === KEYS.length,
    );
    await producer.idle(AbortSignal.timeout(10_000));
    // What it began before it was stopped may have ended; but nothing else of what the other one has done began.
    const late = (await linesOf(ledger)).slice(stoppedAt);
    expect(late.filter((line) => line.startsWith('begin') && !line.endsWith('.3'))).toEqual([]);
    for (const key of KEYS) {
      const numbers = begun(await linesOf(other), key).filter((n) => n < 3);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(numbers).toContain(2);
    }
  }, 90_000);

  it('give up an event that kills them each time, and nothing that waits behind or beside it', async () => {
    const ledger = redis.test.key('ledger');
    const deadly = 'a.1';
    const producer = redis.test.backend({ maxDeliveries: 4 });
    for (const key of KEYS) for (const n of [0, 1, 2, 3]) await producer.publish(keyed(key, n));
    const handled = async () =>
      new Set((await linesOf(ledger)).filter((line) => line.startsWith('end'))).size;
    let crashes = 0;
    for (;;) {
      const child = await consumer(ledger, { deadly, leaseMs: 300 });
      const died = once(child, 'exit').then(() => true);
      const survived = waitFor(async () => (await producer.deadLetters.list()).entries.length > 0, {
        timeoutMs: 20_000,
      }).then(() => false);
      survived.catch(() => undefined);
      if (!(await Promise.race([died, survived]))) break;
      crashes++;
    }
    expect(crashes).toBe(4);
    await waitFor(async () => (await handled()) === KEYS.length * 4 - 1, { timeoutMs: 10_000 });
    const { entries } = await producer.deadLetters.list();
    expect(entries.map(({ event }) => event.type)).toEqual([deadly]);
    expect(entries[0]!.attempts.at(-1)!.error.message).toContain('taken up 4 times');
    expect(begun(await linesOf(ledger), 'a').filter((n) => n > 1)).toEqual([2, 3]);
    await producer.idle(AbortSignal.timeout(10_000));
  }, 90_000);

  it('shut down in time without Redis, and leave no timer behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await redis.test.client.ping();
    const before = timers();
    const backend = redis.test.backend();
    const retry = { handlerId: 'mail', attempt: 2, delayMs: 3_600_000, attempts: [] };
    const seen = await redis.test.consume(backend, () => ({ status: 'failed', retries: [retry] }));
    await backend.publish(keyed('a', 1));
    await waitFor(() => seen.length === 1);
    await waitFor(() => redis.test.client.exists(redis.test.key('shard-progress:service')));
    await redis.server.kill9();
    try {
      const startedAt = performance.now();
      await backend.drain({ final: true, signal: AbortSignal.timeout(500) });
      await backend.close();
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    } finally {
      await redis.server.restart();
    }
    await redis.test.client.ping();
    await waitFor(() => timers() <= before);
  });

  it('leave a blocked retry to the next one, with its attempt', async () => {
    const backend = redis.test.backend({ leaseMs: 300 });
    const attempts = [{ at: 1, durationMs: 1, error: { name: 'Error', message: 'no luck' } }];
    const retry = { handlerId: 'mail', attempt: 3, delayMs: 600, attempts };
    const seen = await redis.test.consume(backend, () => ({ status: 'failed', retries: [retry] }));
    await backend.publish(keyed('a', 1));
    await backend.publish(keyed('a', 2));
    await waitFor(() => seen.length === 1);
    await waitFor(() => redis.test.client.exists(redis.test.key('shard-progress:service')));
    // As if it were dead: its word is taken away, and it cannot renew it.
    const [owners, members] = [
      redis.test.key('shard-owners:service'),
      redis.test.key('shard-members:service'),
    ];
    const next = redis.test.backend({ leaseMs: 300 });
    await redis.test.client.multi().del(members).del(owners).exec();
    const taken = await redis.test.consume(next);
    await backend.close();
    await waitFor(() => taken.length === 2);
    expect(taken[0]!.delivery).toMatchObject({ handlerId: 'mail', attempt: 3, redelivered: true });
    expect(taken[0]!.event.data).toBe(1);
    await next.idle(AbortSignal.timeout(5000));
    expect(await redis.test.client.exists(redis.test.key('shard-progress:service'))).toBe(0);
  });
});
