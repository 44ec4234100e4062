import { describe, expect, it } from '@jest/globals';
import { connect } from 'amqplib';
import { createEvent } from 'nestjs-durable-events';
import { RabbitMQBackend, type RabbitMQOptions } from 'nestjs-durable-events/rabbitmq';
import { describeWithOwnRabbitMQ, startRabbitMQ } from '../support/services/rabbitmq.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { useRabbitMQ } from './use-rabbitmq.js';

describe('RabbitMQBackend: its options', () => {
  it.each([
    [{ connection: '' }, /needs a 'connection'.*amqp:/],
    [{ connection: 'http://user:secret@host' }, /Option 'connection'.*not a URL of AMQP.*amqp:/],
    [{ namespace: '' }, /Option 'namespace'.*Set it to a text/],
    [{ namespace: 'amq.events' }, /Option 'namespace'.*does not begin with 'amq\.'/],
    [{ group: '' }, /Option 'group'.*Set it to the name/],
    [{ concurrency: 0 }, /Option 'concurrency'.*is 0\. Set it to a whole number/],
    [{ leaseMs: 1000 }, /Option 'leaseMs'.*is 1000.*at least 2000/],
    [{ maxDeliveries: 1000 }, /Option 'maxDeliveries'.*is 1000.*from 1 to 900/],
    [{ maxEventBytes: 2 ** 30 }, /Option 'maxEventBytes'.*at most/],
    [{ publishTimeoutMs: NaN }, /Option 'publishTimeoutMs'.*is NaN/],
    [{ connectTimeoutMs: 0 }, /Option 'connectTimeoutMs'.*is 0/],
    [{ unroutable: 'drop' as 'keep' }, /Option 'unroutable'.*drop.*'keep' or 'reject'/],
  ] satisfies [Partial<RabbitMQOptions>, RegExp][])('%j are refused', (options, message) => {
    const make = () => new RabbitMQBackend({ connection: 'amqp://localhost', ...options });
    expect(make).toThrow(message);
    expect(make).not.toThrow(/secret/);
  });
});

describe('RabbitMQBackend: its connection', () => {
  const stage = useRabbitMQ({ config: 'max_message_size = 100000' });

  it('is told of without its password when it fails', async () => {
    const address = new URL(stage.server.url);
    address.password = 'secret-word';
    const bus = stage.bus({ connection: address.href, connectTimeoutMs: 500 });
    bus.on('x', () => undefined);
    const error = await bus.start().then(
      () => undefined,
      (cause: Error) => cause,
    );
    expect(error?.message).toMatch(/could not connect to RabbitMQ at [^@]*ACCESS.REFUSED.*'connection'/s);
    const notices = stage.notices.map((notice) => notice.error);
    expect(notices[0]?.message).toMatch(/cannot connect.*It tries again/s);
    expect(JSON.stringify([error, error?.stack, ...notices.map(({ stack }) => stack)])).not.toContain(
      'secret',
    );
  });

  it('may be given by options, and as a connection that recovers by itself and is not closed', async () => {
    const { hostname, port, username, password } = new URL(stage.server.url);
    const options = { hostname, port: Number(port), username, password };
    const proxy = await startTcpProxy(stage.server.port);
    const recovering = await connect(proxy.inFrontOf(stage.server.url), { recovery: true });
    recovering.on('error', () => undefined);
    try {
      const publisher = stage.bus({ connection: options });
      const service = stage.bus({ connection: recovering });
      const seen: unknown[] = [];
      service.on('x', ({ data }) => void seen.push(data));
      await service.start();
      await publisher.emitAsync('x', 1);
      await waitFor(() => seen.includes(1), { message: 'the first event' });
      proxy.cut();
      await publisher.emitAsync('x', 2);
      await waitFor(() => seen.includes(2), { timeoutMs: 10_000, message: 'the event after the cut' });
      await service.close();
      await (await recovering.createChannel()).close();
    } finally {
      await recovering.close();
      await proxy.close();
    }
  });

  it('is reported lost once, and health tells of it until it is back', async () => {
    const proxy = await startTcpProxy(stage.server.port);
    try {
      const bus = stage.bus({ connection: proxy.inFrontOf(stage.server.url) });
      const seen: unknown[] = [];
      bus.on('x', ({ data }) => void seen.push(data));
      await bus.start();
      await bus.emitAsync('x', 0);
      expect(await bus.health()).toMatchObject({
        status: 'up',
        details: { server: expect.stringMatching(/^RabbitMQ \d/), consuming: true },
      });
      await proxy.refuse();
      const emitted = bus.emitAsync('x', 1);
      await waitFor(async () => (await bus.health()).status === 'down', { message: 'health to tell' });
      await proxy.resume();
      await emitted;
      await waitFor(() => seen.includes(1), { timeoutMs: 10_000, message: 'the event' });
      expect((await bus.health()).status).toBe('up');
      const lost = stage.notices.filter(({ error }) => /lost its connection/.test(error.message));
      expect(lost).toHaveLength(2); // one to publish, one to consume
    } finally {
      await proxy.close();
    }
  });

  it('goes on for others when the broker takes no message of the size of one', async () => {
    const bus = stage.bus({ publishTimeoutMs: 60_000 });
    const seen: unknown[] = [];
    bus.on('x', ({ data }) => void seen.push(String(data).length));
    await bus.start();
    const startedAt = performance.now();
    const results = await Promise.allSettled(
      [1, 200_000, 2].map((length) => bus.emitAsync('x', 'x'.repeat(length))),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
      message: expect.stringMatching(/did not store the event.*message size \d+ is larger/s),
    });
    expect(performance.now() - startedAt).toBeLessThan(15_000); // not at the limit for a publish
    await waitFor(() => seen.includes(1) && seen.includes(2), { message: 'the others' });
  });

  it('lets nobody settle over a new channel what came over an old one', async () => {
    const proxy = await startTcpProxy(stage.server.port);
    try {
      const bus = stage.bus({ connection: proxy.inFrontOf(stage.server.url) });
      const aborted: number[] = [];
      let calls = 0;
      bus.on('x', async (_, { signal, redelivered }) => {
        const call = calls++;
        if (redelivered) return;
        signal.addEventListener('abort', () => aborted.push(call));
        await waitFor(() => signal.aborted, { timeoutMs: 10_000, message: 'the channel to be lost' });
      });
      await bus.start();
      await bus.emitAsync('x', 1);
      await waitFor(() => calls === 1, { message: 'the first call' });
      proxy.cut();
      await waitFor(() => calls === 2, { timeoutMs: 10_000, message: 'the event to come again' });
      await bus.idle({ timeoutMs: 10_000 });
      expect(aborted).toEqual([0]);
      expect(calls).toBe(2);
      expect((await bus.stats()).backend['stale']).toBeGreaterThan(0);
      expect(stage.notices.filter(({ error }) => /unknown delivery tag/.test(error.message))).toEqual([]);
    } finally {
      await proxy.close();
    }
  });
});

describeWithOwnRabbitMQ('RabbitMQBackend: a broker that takes no messages', () => {
  it('is told of by health and by the publish that it does not confirm', async () => {
    const server = await startRabbitMQ({ config: 'vm_memory_high_watermark.absolute = 1' });
    const connection = server.url;
    const backend = new RabbitMQBackend({ connection, group: 'g', publishTimeoutMs: 500, leaseMs: 2000 });
    const reports: Error[] = [];
    process.on('warning', (warning) => reports.push(warning));
    try {
      await expect(backend.publish(createEvent('x', 1))).rejects.toThrow(/did not store.*low on memory/s);
      expect(await backend.health()).toMatchObject({
        status: 'degraded',
        details: { blocked: 'low on memory' },
      });
    } finally {
      await backend.close();
      await server.stop();
    }
  }, 90_000);
});
