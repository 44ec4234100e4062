import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { CloudEvent } from 'cloudevents';
import { Redis } from 'ioredis';
import { type Event, type EventBus, type EventErrorNotice } from 'nestjs-durable-events';
import { startRedisCluster } from '../support/services/redis.js';
import { waitFor } from '../support/wait-for.js';
import { usePubSub } from './use-pubsub.js';

Logger.overrideLogger(false); // the failures are meant

const EVENTS = 60;
const numbers = Array.from({ length: EVENTS }, (_, i) => i);

/** Emits 0, 1, 2 … all at once. */
async function emitNumbers(bus: EventBus): Promise<void> {
  await Promise.all(numbers.map((i) => bus.emitAsync('x', i)));
}

function numeric(values: readonly unknown[]): unknown[] {
  return [...values].sort((a, b) => Number(a) - Number(b));
}

describe('Redis Pub/Sub', () => {
  const stage = usePubSub();

  it('carries CloudEvents that any client can read', async () => {
    const seen: string[] = [];
    const subscriber = new Redis(stage.server.url);
    subscriber.on('message', (_, body: string) => void seen.push(body));
    await subscriber.subscribe(`{${stage.namespace}}:live`);
    const { id } = await stage.bus().emitAsync('order.placed', { name: 'Zoë' }, { key: 'k' });
    await waitFor(() => seen.length === 1);
    subscriber.disconnect();
    const read = new CloudEvent<{ name: string }>(JSON.parse(seen[0]!) as object, true);
    expect(read).toMatchObject({ id, type: 'order.placed', source: 'orders', data: { name: 'Zoë' } });
    expect(read['partitionkey']).toBe('k');
  });

  it('reads CloudEvents of others, and claims each id of a source once', async () => {
    const events: Event[] = [];
    const buses = [stage.bus(), stage.bus()];
    for (const bus of buses) bus.on('order.placed', (event) => void events.push(event));
    await Promise.all(buses.map((bus) => bus.start()));
    for (const id of ['1', '2']) {
      const foreign = new CloudEvent({ id, source: '/shop', type: 'order.placed', data: { total: 3 } });
      await stage.client.publish(`{${stage.namespace}}:live`, JSON.stringify(foreign));
    }
    await waitFor(() => events.length >= 2);
    await Promise.all(buses.map((bus) => bus.idle()));
    expect(events.map(({ id }) => id).sort()).toEqual(['1', '2']);
  });

  it('delivers an event twice that is emitted twice, though both have one id', async () => {
    const bus = stage.bus();
    let calls = 0;
    bus.on('x', () => void calls++);
    await bus.start();
    await bus.emitAsync('x', 1, { id: 'same' });
    await bus.emitAsync('x', 1, { id: 'same' });
    await waitFor(() => calls === 2);
  });

  it.each(['queue', 'fan-out'] as const)(
    'delivers an event once that a client sent again when its connection was lost (%s)',
    async (distribution) => {
      const bus = stage.bus({ distribution });
      const seen: unknown[] = [];
      bus.on('x', ({ data }) => void seen.push(data));
      await bus.start();
      const bodies: string[] = [];
      const subscriber = stage.client.duplicate();
      subscriber.on('message', (_, body: string) => void bodies.push(body));
      await subscriber.subscribe(`{${stage.namespace}}:live`);
      await bus.emitAsync('x', 'first');
      await waitFor(() => bodies.length === 1);
      // As ioredis does.
      await stage.client.publish(`{${stage.namespace}}:live`, bodies[0]!);
      await bus.emitAsync('x', 'last');
      await waitFor(() => seen.includes('last'));
      await bus.idle();
      subscriber.disconnect();
      expect(seen).toEqual(['first', 'last']);
    },
  );

  it('lets a process claim nothing that it has no handler for', async () => {
    const [able, unable] = [stage.bus(), stage.bus()];
    const seen: unknown[] = [];
    able.on('x', ({ data }) => void seen.push(data));
    unable.on('y', () => undefined);
    await Promise.all([able.start(), unable.start()]);
    await emitNumbers(unable);
    await waitFor(() => seen.length >= EVENTS);
    expect(numeric(seen)).toEqual(numbers);
  });

  it('keeps the order of one publisher where one handler runs at a time', async () => {
    const bus = stage.bus({ concurrency: 1 });
    const seen: unknown[] = [];
    bus.on('x', async ({ data }) => {
      await Promise.resolve();
      seen.push(data);
    });
    await bus.start();
    await emitNumbers(bus);
    await waitFor(() => seen.length === EVENTS);
    expect(seen).toEqual(numbers);
  });

  it('hands out every event to every process with fan-out, without a key in Redis', async () => {
    const seen: unknown[][] = [[], []];
    const buses = seen.map((list) => {
      const bus = stage.bus({ distribution: 'fan-out' });
      bus.on('x', ({ data }) => void list.push(data));
      return bus;
    });
    await Promise.all(buses.map((bus) => bus.start()));
    await emitNumbers(buses[0]!);
    await waitFor(() => seen.every((list) => list.length >= EVENTS));
    expect(seen.map(numeric)).toEqual([numbers, numbers]);
    expect(await stage.client.keys(`{${stage.namespace}}*`)).toEqual([]);
  });

  it('leaves claims that go by themselves', async () => {
    const bus = stage.bus({ claimMs: 30_000 });
    let calls = 0;
    bus.on('x', () => void calls++);
    await bus.start();
    await bus.emitAsync('x', 1);
    await waitFor(() => calls === 1);
    const keys = await stage.client.keys(`{${stage.namespace}}:claim:orders:*`);
    expect(keys).toHaveLength(1);
    const ttlMs = await stage.client.pttl(keys[0]!);
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(30_000);
  });

  it('makes dead letters of events that are too many', async () => {
    const bus = stage.bus({ concurrency: 1, maxQueued: 2 });
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    bus.on('x', () => gate, { id: 'h' });
    await bus.start();
    for (let i = 0; i < 5; i++) await bus.emitAsync('x', i);
    await waitFor(async () => (await bus.deadLetters.size()) === 2);
    const [entry] = (await bus.deadLetters.list()).entries;
    expect(entry!.attempts[0]!.error.message).toMatch(/Raise 'maxQueued'/);
    open();
  });

  it('makes a dead letter of an event that nobody can say who has', async () => {
    // A user who may listen and publish, but not claim.
    await stage.client.call(
      'ACL',
      'SETUSER',
      'mute',
      'on',
      '>pass-1',
      'allchannels',
      'allkeys',
      '+@all',
      '-set',
    );
    const url = new URL(stage.server.url);
    url.username = 'mute';
    url.password = 'pass-1';
    const bus = stage.bus({ connection: url.href });
    let calls = 0;
    bus.on('x', () => void calls++, { id: 'h' });
    await bus.start();
    await bus.emitAsync('x', { kept: true });
    await waitFor(async () => (await bus.deadLetters.size()) === 1);
    const [entry] = (await bus.deadLetters.list()).entries;
    expect(entry!.event.data).toEqual({ kept: true });
    expect(entry!.attempts[0]!.error.message).toMatch(/cannot tell whether it is for this process/);
    expect(calls).toBe(0);
  });

  it('tells of a subscription that was lost, and comes back', async () => {
    const bus = stage.bus();
    const notices: EventErrorNotice[] = [];
    bus.errors.subscribe((notice) => void notices.push(notice));
    let calls = 0;
    bus.on('x', () => void calls++);
    await bus.start();
    await stage.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await waitFor(() => notices.some(({ error }) => error.message.includes('lost its subscription')));
    await waitFor(async () => (await bus.stats()).backend['listening'] === 1);
    await bus.emitAsync('x', 1);
    await waitFor(() => calls === 1);
  });
});

describe('Redis Pub/Sub on a cluster', () => {
  const stage = usePubSub(startRedisCluster);

  it('carries and claims events', async () => {
    const { Cluster } = await import('ioredis');
    const clients = [1, 2].map(() => new Cluster([{ host: '127.0.0.1', port: stage.server.port }]));
    const seen: unknown[] = [];
    const buses = clients.map((connection) => {
      const bus = stage.bus({ connection });
      bus.on('x', ({ data }) => void seen.push(data));
      return bus;
    });
    await Promise.all(buses.map((bus) => bus.start()));
    await emitNumbers(buses[0]!);
    await waitFor(() => seen.length >= EVENTS);
    await Promise.all(buses.map((bus) => bus.close()));
    for (const client of clients) client.disconnect();
    expect(numeric(seen)).toEqual(numbers);
  });
});
