import { afterEach, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { createEventBus, type EventBus } from 'nestjs-durable-events';
import { NatsBackend } from 'nestjs-durable-events/nats';
import { describeWithOwnNats, startNats } from '../support/services/nats.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

describeWithOwnNats('core NATS while servers and connections die', () => {
  Logger.overrideLogger(false); // what fails here is meant to
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  it('hands out no event twice, and works on after each fault', async () => {
    const server = await startNats();
    closers.push(() => server.stop());
    const handled = new Map<number, number>();
    const make = (url: string): EventBus => {
      const backend = new NatsBackend({ connection: url, group: 'orders', publishTimeoutMs: 500 });
      const bus = createEventBus({
        backend,
        source: 'orders',
        drainTimeoutMs: 1000,
        onError: () => undefined,
      });
      closers.push(() => bus.close());
      return bus;
    };
    const proxies = await Promise.all([startTcpProxy(server.port), startTcpProxy(server.port)]);
    for (const proxy of proxies) {
      closers.push(() => proxy.close());
      const consumer = make(proxy.inFrontOf(server.url));
      consumer.on(
        'placed',
        ({ data }) => void handled.set(data as number, (handled.get(data as number) ?? 0) + 1),
      );
      await consumer.start();
    }
    const producer = make(server.url);
    let placed = 0;
    let rejected = 0;
    let over = false;
    const traffic = (async () => {
      while (!over) {
        const burst = Array.from({ length: 10 }, () => producer.emitAsync('placed', placed++));
        for (const { status } of await Promise.allSettled(burst)) if (status === 'rejected') rejected++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    closers.push(async () => {
      over = true;
      await traffic;
    });
    const worksOn = async () => {
      const before = handled.size;
      await waitFor(() => handled.size > before + 100, {
        timeoutMs: 20_000,
        message: 'events to be handled',
      });
    };

    await worksOn();
    const faults = [
      async () => {
        const before = rejected;
        await server.kill9();
        await waitFor(() => rejected > before, { message: 'a rejected event' });
        await server.restart();
      },
      async () => proxies[0].cut(),
      async () => proxies[1].strand(),
    ];
    for (const fault of [...faults, ...faults]) {
      await fault();
      await worksOn();
    }
    over = true;
    await traffic;
    expect([...handled.values()].filter((times) => times > 1)).toEqual([]);
    expect(rejected).toBeGreaterThan(0);
    const from = placed;
    await waitFor(() => proxies.every(({ connections }) => connections > 0), { timeoutMs: 10_000 });
    // Until both are there again, what is sent to one that is gone is lost: at most once.
    await waitFor(
      async () => {
        const n = placed++;
        await producer.emitAsync('placed', n);
        await new Promise((resolve) => setTimeout(resolve, 20));
        return handled.has(n) && placed > from + 20;
      },
      { timeoutMs: 20_000, message: 'an event to arrive after all of it' },
    );
  }, 90_000);
});
