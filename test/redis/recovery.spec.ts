import { expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createEvent } from '../../lib/event.js';
import { describeWithOwnRedis, startRedis } from '../support/services/redis.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { gate, Harness, typesOf } from './harness.js';
import { useRedis } from './use-redis.js';

describeWithOwnRedis('Redis Streams: recovery', () => {
  const redis = useRedis();

  it('goes on after the database was flushed, without losing what came right after', async () => {
    const backend = redis.test.backend({ leaseMs: 5000 });
    const { opened, open } = gate();
    const seen = await redis.test.consume(backend, (event) =>
      event.type === 'running' ? opened.then(() => undefined) : undefined,
    );
    await backend.publish(createEvent('before', {}));
    await backend.publish(createEvent('running', {}));
    await waitFor(() => seen.length === 2);
    await redis.test.client.flushall();
    await redis.test.client.script('FLUSH');
    await backend.publish(createEvent('after', {}));
    open();
    await waitFor(() => seen.length === 3);
    await backend.publish(createEvent('later', {}));
    await waitFor(() => seen.length === 4);
    await backend.idle(AbortSignal.timeout(5000));
    expect(typesOf(seen)).toEqual(['after', 'before', 'later', 'running']);
    expect(await backend.stats()).toMatchObject({ inFlight: 0, buffered: 0, pending: 0 });
  });

  it('recreates a group that was destroyed, at the start of the stream', async () => {
    const backend = redis.test.backend();
    const seen = await redis.test.consume(backend);
    await redis.test.client.xgroup('DESTROY', redis.test.key('stream'), 'service');
    await backend.publish(createEvent('after', {}));
    await waitFor(() => seen.length === 1);
  });

  it('survives kill -9 and restart of the server in the middle of the work', async () => {
    const backend = redis.test.backend({ leaseMs: 1000, concurrency: 5 });
    const handled = new Set<string>();
    await redis.test.consume(backend, async (event) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      handled.add(event.type);
      return event.data === 7
        ? { status: 'failed', retries: [{ handlerId: 'mail', attempt: 2, delayMs: 100, attempts: [] }] }
        : {};
    });
    const types = Array.from({ length: 300 }, (_, i) => `event.${i}`);
    await Promise.all(types.map((type, i) => backend.publish(createEvent(type, i === 250 ? 8 : i))));
    await waitFor(() => handled.size > 100);
    await redis.server.kill9();
    await redis.server.restart();
    await waitFor(() => handled.size === 300, { timeoutMs: 15_000 });
    await backend.publish(createEvent('after', {}));
    await waitFor(() => handled.has('after'));
  });

  it('notices a half-open connection, and reads and publishes again', async () => {
    const proxy = await startTcpProxy(redis.server.port);
    const harness = new Harness(redis.server.url);
    try {
      const backend = harness.backend({
        connection: `redis://127.0.0.1:${proxy.port}`,
        publishTimeoutMs: 3000,
      });
      const seen = await harness.consume(backend);
      await backend.publish(createEvent('before', {}));
      await waitFor(() => seen.length === 1);
      proxy.blackhole();
      await expect(backend.publish(createEvent('lost', {}))).rejects.toThrow('no reply within 3000 ms');
      expect((await backend.health()).status).toBe('down');
      // Both connections are given up: the one for reads and the one for commands.
      const reported = (text: string) => harness.reports.some(({ message }) => message.includes(text));
      await waitFor(() => reported('did not answer a read') && reported('Socket timeout'), {
        timeoutMs: 15_000,
      });
      await proxy.resume();
      await waitFor(
        () =>
          backend.publish(createEvent('after', {})).then(
            () => true,
            () => false,
          ),
        { timeoutMs: 15_000 },
      );
      await waitFor(() => seen.some(({ event }) => event.type === 'after'), { timeoutMs: 15_000 });
    } finally {
      await harness.close();
      await proxy.close();
    }
  }, 40_000);

  it('follows a failover: a master that became a replica is left', async () => {
    const next = await startRedis();
    const proxy = await startTcpProxy(redis.server.port);
    const harness = new Harness(redis.server.url);
    try {
      const backend = harness.backend({ connection: `redis://127.0.0.1:${proxy.port}` });
      const seen = await harness.consume(backend);
      await backend.publish(createEvent('before', {}));
      await waitFor(() => seen.length === 1);
      await redis.test.client.replicaof('127.0.0.1', String(next.port));
      // READONLY is met by a new connection each time; as soon as the address leads to a master, work goes on.
      await redis.test.client.config('RESETSTAT');
      const publishing = backend.publish(createEvent('during', {}));
      await waitFor(async () => (await redis.test.client.info('errorstats')).includes('errorstat_READONLY'));
      await redis.test.client.replicaof('NO', 'ONE');
      await publishing;
      await waitFor(() => seen.some(({ event }) => event.type === 'during'), { timeoutMs: 10_000 });
    } finally {
      await redis.test.client.replicaof('NO', 'ONE');
      await harness.close();
      await proxy.close();
      await next.stop();
    }
  }, 40_000);

  it('warns of a server that may evict events', async () => {
    await redis.test.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await redis.test.consume(redis.test.backend());
    } finally {
      await redis.test.client.config('SET', 'maxmemory-policy', 'noeviction');
    }
    expect(redis.test.reports.map(({ message }) => message).join()).toContain(
      "maxmemory-policy 'allkeys-lru'",
    );
  });

  it('works for a user that may do no more than it has to', async () => {
    const rights = [
      '~{*',
      '+@stream',
      '+@read',
      '+@write',
      '+eval',
      '+evalsha',
      '+ping',
      '+time',
      '+hello',
      '-info',
      '-client',
    ];
    await redis.test.client.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', ...rights);
    const backend = redis.test.backend({
      connection: {
        host: '127.0.0.1',
        port: redis.server.port,
        username: 'app',
        password: 'secret',
        enableReadyCheck: false,
      },
    });
    const seen = await redis.test.consume(backend);
    await backend.publish(createEvent('allowed', {}));
    await waitFor(() => seen.length === 1);
    await backend.idle(AbortSignal.timeout(5000));
    expect(redis.test.reports).toEqual([]);
    await backend.close();
    const other = new Redis(redis.server.url);
    await other.call('ACL', 'DELUSER', 'app');
    other.disconnect();
  });
});
