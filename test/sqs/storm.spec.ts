import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createEvent } from 'nestjs-durable-events';
import { RedisDeadLetterStore } from 'nestjs-durable-events/redis';
import { SqsBackend } from 'nestjs-durable-events/sqs';
import { forkProgram } from '../support/fork-program.js';
import { describeWithOwnSqs, ELASTICMQ_TIMEOUT_MS, startElasticMq } from '../support/services/elasticmq.js';
import type { TestServer } from '../support/services/private-server.js';
import { startRedis } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';

const program = join(import.meta.dirname, 'storm-consumer.ts');
const namespace = 'storm';
const long = process.env['FAULT_RUNS'] === 'all';
const ROUNDS = long ? 6 : 2;
const EVENTS_PER_ROUND = long ? 600 : 150;
const SETTLE_MS = 90_000;

describeWithOwnSqs('SqsBackend in a storm', () => {
  let server: TestServer;
  let redis: TestServer;
  let folder: string;
  let ledger: string;
  const consumers: ChildProcess[] = [];
  beforeAll(async () => {
    [server, redis] = await Promise.all([startElasticMq({ durable: true }), startRedis()]);
    folder = mkdtempSync(join(tmpdir(), 'nestjs-durable-events-'));
    ledger = join(folder, 'ledger');
    writeFileSync(ledger, '');
  }, ELASTICMQ_TIMEOUT_MS);
  afterAll(async () => {
    await Promise.all(consumers.map(kill));
    await Promise.all([server.stop(), redis.stop()]);
    rmSync(folder, { recursive: true });
  });

  async function launch(): Promise<ChildProcess> {
    const endpoint = server.url.replace('//', '//tests:tests@');
    const consumer = forkProgram(program, {
      STORM_SQS: endpoint,
      STORM_REDIS: redis.url,
      STORM_NAMESPACE: namespace,
      STORM_LEDGER: ledger,
    });
    consumers.push(consumer);
    let wrote = '';
    consumer.stderr!.on('data', (chunk: Buffer) => (wrote += chunk.toString()));
    consumer.stdout!.resume();
    await Promise.race([
      once(consumer, 'message'),
      once(consumer, 'exit').then(() => Promise.reject(new Error(`A consumer ended by itself:\n${wrote}`))),
    ]);
    return consumer;
  }

  async function kill(consumer: ChildProcess): Promise<void> {
    if (consumer.exitCode !== null || consumer.signalCode !== null) return;
    const gone = once(consumer, 'exit');
    consumer.kill('SIGKILL');
    await gone;
  }

  function handled(handler: string): Set<string> {
    const lines = readFileSync(ledger, 'utf8').split('\n');
    return new Set(lines.filter((line) => line.startsWith(`${handler} `)).map((line) => line.split(' ')[1]!));
  }

  it(
    'of kill -9, of consumers and of the broker, loses nothing that was confirmed',
    async () => {
      const backend = new SqsBackend({
        connection: server.url.replace('//', '//tests:tests@'),
        namespace,
        group: 'storm',
        publishTimeoutMs: 3000,
      });
      const confirmed = new Map<string, number>();
      let n = 0;
      /** Keeps publishing until it is told that it is enough, and so many were confirmed. */
      const traffic = async (least: number, enough: () => boolean) => {
        const until = confirmed.size + least;
        while (confirmed.size < until || !enough()) {
          const events = Array.from({ length: 5 }, () => createEvent('order.placed', { n: n++ }));
          const results = await backend.publishBatch(events.map((event) => ({ event })));
          for (const [i, event] of events.entries()) {
            if (!(results[i] instanceof Error)) confirmed.set(event.id, event.data.n);
          }
        }
      };
      let [first, second] = await Promise.all([launch(), launch()]);
      for (let round = 0; round < ROUNDS; round++) {
        let over = false;
        const publishing = traffic(EVENTS_PER_ROUND, () => over);
        const before = handled('stock').size;
        await waitFor(() => handled('stock').size > before, { timeoutMs: 30_000, message: 'work' });
        await kill(first);
        first = await launch();
        await server.kill9();
        await kill(second);
        await server.restart();
        second = await launch();
        over = true;
        await publishing;
      }
      await waitFor(
        async () => {
          const { queued, pending, scheduled } = await backend.stats();
          return [queued, pending, scheduled].every((count) => count === 0);
        },
        { timeoutMs: SETTLE_MS, message: 'nothing to be left in the queue' },
      );
      await backend.close();

      const store = new RedisDeadLetterStore({ connection: redis.url, namespace, group: 'storm' });
      const { entries } = await store.list({ limit: 1000 });
      await store.close();
      const dead = new Set(entries.map(({ event, handlerId }) => `${handlerId} ${event.id}`));
      const [stock, invoice] = [handled('stock'), handled('invoice')];
      const lost = [...confirmed].flatMap(([id, order]) => [
        ...(stock.has(id) || dead.has(`stock ${id}`) || dead.has(`* ${id}`) ? [] : [`stock ${order}`]),
        ...(invoice.has(id) || dead.has(`invoice ${id}`) || dead.has(`* ${id}`) ? [] : [`invoice ${order}`]),
      ]);
      expect(lost).toEqual([]);
      expect(confirmed.size).toBeGreaterThanOrEqual(ROUNDS * EVENTS_PER_ROUND);
      const refused = [...confirmed].filter(([, order]) => order % 100 === 50).map(([id]) => id);
      expect(refused.filter((id) => !dead.has(`invoice ${id}`))).toEqual([]);
      expect(refused.filter((id) => invoice.has(id))).toEqual([]);
    },
    SETTLE_MS + ROUNDS * 60_000,
  );
});
