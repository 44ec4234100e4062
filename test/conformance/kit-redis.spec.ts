import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { RedisStreamsBackend } from 'nestjs-durable-events/redis';
import type { BackendFactoryContext, ConformanceOptions } from 'nestjs-durable-events/testing';
import { forkProgram } from '../support/fork-program.js';
import type { TestServer } from '../support/services/private-server.js';
import { describeWithOwnRedis, startRedis } from '../support/services/redis.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { altered, type Mistake } from './mistakes/altered.js';
import { CLOSED_CLIENT, CUT_CONNECTION, durableMistakes } from './mistakes/durable.js';
import { processMistakes } from './mistakes/processes.js';
import { pooled } from './mistakes/pool.js';
import { brokerMistakes } from './mistakes/redis-outages.js';
import { CONCURRENCY, LEASE_MS, quickRedis } from './mistakes/redis.js';
import { byCase, failureOf, noticed } from './mistakes/registered.js';

Logger.overrideLogger(false); // the failures of the cases are meant

const program = join(import.meta.dirname, 'programs/mistaken.ts');

let server: TestServer;
let proxy: TcpProxy;
let client: Redis;
const url = () => server.url;
const redis = quickRedis(url);

describeWithOwnRedis('the kit fails a durable backend that', () => {
  beforeAll(async () => {
    server = await startRedis();
    proxy = await startTcpProxy(server.port);
    client = new Redis(server.url);
    client.on('error', () => undefined); // the outages are meant, too
  });
  afterAll(async () => {
    client.disconnect();
    await proxy.close();
    await server.stop();
  });

  const options: ConformanceOptions = {
    timeoutMs: 2000,
    concurrency: CONCURRENCY,
    leaseMs: LEASE_MS,
    corrupt: async ({ namespace }, text) => {
      await client.xadd(`{${namespace}}:stream`, '*', 'event', text);
    },
    outage: async () => {
      await server.kill9();
      return () => server.restart();
    },
  };

  const forking = (what: string): ConformanceOptions => ({
    ...options,
    timeoutMs: 8000, // processes take their time to start
    fork: () => forkProgram(program, { CONFORMANCE_REDIS: url(), MISTAKE: what }),
  });

  describe('loses its broker and', () => {
    describeMistakes(brokerMistakes(redis), () => options);
  });

  describe('keeps its broker and', () => {
    describeMistakes(durableMistakes(redis), () => options, 4);
  });

  describe('in a process that ends or stalls', () => {
    const made = Object.entries(processMistakes(url, redis));
    // The mistake is made over there; the backends of this process are right.
    const mistakes = Object.fromEntries(made.map(([what, mistake]) => [what, { ...mistake, make: redis }]));
    describeMistakes(mistakes, forking, 3);
  });

  it('closes a client that is not its own', async () => {
    const borrow = async (context: BackendFactoryContext) => {
      const borrowed = new Redis(url());
      const inner = new RedisStreamsBackend({ connection: borrowed, ...context });
      const close = async () => {
        await inner.close();
        borrowed.disconnect();
      };
      const dispose = () => borrowed.disconnect();
      return { backend: altered(inner, { close }), use: () => borrowed.ping(), dispose };
    };
    const name = CLOSED_CLIENT;
    const failure = await failureOf(name, { make: redis, fails: name }, { ...options, borrow });
    expect(failure).toMatchObject(noticed());
  });

  it('waits for ever for the answer of a connection that is cut', async () => {
    const clients: Redis[] = [];
    const make = (context: BackendFactoryContext) => {
      const borrowed = new Redis(proxy.port, '127.0.0.1');
      clients.push(borrowed);
      return redis(context, { connection: borrowed });
    };
    const strand = async () => proxy.strand();
    const name = CUT_CONNECTION;
    const failure = await failureOf(name, { make, fails: name }, { ...options, strand });
    for (const each of clients) each.disconnect();
    expect(failure).toMatchObject(noticed());
  });
});

/** Time passes mostly in waiting for what does not come, so several mistakes are made at once. */
function describeMistakes(
  mistakes: Readonly<Record<string, Mistake>>,
  options: (what: string) => ConformanceOptions,
  atOnce = 1,
): void {
  const all = byCase(mistakes);
  let failures: Promise<Error | undefined>[];
  beforeAll(() => {
    failures = pooled(all, atOnce, ([what, name, mistake]) => failureOf(name, mistake, options(what)));
    for (const failure of failures) failure.catch(() => undefined); // the test that is about it tells
  });

  it.each(all.map(([what, name, { says }], i) => [what, name, says, i] as const))(
    '%s: %s',
    async (_what, _name, says, i) => {
      expect(await failures[i]).toMatchObject(noticed(says));
    },
    120_000,
  );
}
