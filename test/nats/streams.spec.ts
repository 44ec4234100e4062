import { describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { createInbox } from '@nats-io/transport-node';
import { NatsJetStreamBackend } from 'nestjs-durable-events/nats';
import { Names } from '../../lib/backends/nats-jetstream/names.js';
import { Topology } from '../../lib/backends/nats-jetstream/topology.js';
import { Trimmer } from '../../lib/backends/nats-jetstream/trimmer.js';
import { Requests } from '../../lib/clients/nats/requests.js';
import { resolveOptions } from '../../lib/backends/nats-jetstream/options.js';
import { waitFor } from '../support/wait-for.js';
import { useNats } from './use-nats.js';

const NANOS = 1_000_000;

describe('the stream and the consumers', () => {
  const stage = useNats();

  /** As the upkeep of a service does. */
  async function trim(): Promise<void> {
    const { client: nc, jsm, namespace } = stage;
    const inbox = createInbox();
    const requests = new Requests(nc, `${inbox}.reply`, 5000, () => true);
    await new Trimmer({ nc, jsm, inbox, requests }, new Names(namespace)).trim();
    requests.close();
  }

  it('are made with settings that lose nothing', async () => {
    const bus = stage.bus({ leaseMs: 5000 });
    bus.on('x', () => undefined);
    await bus.start();
    const { config } = await stage.jsm.streams.info(stage.namespace);
    expect(config).toMatchObject({ retention: 'limits', discard: 'new', storage: 'file', max_age: 0 });
    const consumer = await stage.jsm.consumers.info(stage.namespace, 'orders');
    expect(consumer.config).toMatchObject({
      durable_name: 'orders',
      ack_policy: 'explicit',
      deliver_policy: 'all',
      ack_wait: 5000 * NANOS,
      max_deliver: -1,
    });
  });

  it('that somebody else made are refused where they would lose events, and stay as they are', async () => {
    const { jsm, namespace } = stage;
    const subjects = [`${namespace}.>`];
    await jsm.streams.add({ name: namespace, subjects, retention: 'workqueue' });
    await expect(stage.bus().emitAsync('x', 1)).rejects.toThrow(
      new RegExp(`stream '${namespace}' has subjects = .* It changes nothing that is there`),
    );
    expect((await jsm.streams.info(namespace)).config).toMatchObject({ subjects, retention: 'workqueue' });
  });

  it('name the field when a consumer has another lease', async () => {
    const first = stage.bus({ leaseMs: 5000 });
    first.on('x', () => undefined);
    await first.start();
    const second = stage.bus({ leaseMs: 6000 });
    second.on('x', () => undefined);
    await expect(second.start()).rejects.toThrow('ack_wait');
  });

  it.each([
    ['max_deliver', { max_deliver: 3 }],
    ['headers_only', { headers_only: true }],
  ])(
    'are refused with another %s, by which events would be parked or lost, until it is put right',
    async (field, config) => {
      const { jsm, namespace } = stage;
      const publisher = stage.bus();
      await publisher.emitAsync('x', 1); // makes the stream
      const [events] = new Names(namespace).consumers('orders');
      const settings = {
        durable_name: 'orders',
        ack_policy: 'explicit',
        filter_subject: events!.filter,
      } as const;
      const lease = { ack_wait: 30_000 * NANOS, max_ack_pending: -1 };
      await jsm.consumers.add(namespace, { ...settings, ...lease, ...config });
      const service = () => {
        const bus = stage.bus();
        const seen: unknown[] = [];
        bus.on('x', ({ data }) => void seen.push(data));
        return { bus, seen };
      };
      await expect(service().bus.start()).rejects.toThrow(
        new RegExp(`consumer 'orders'.* has ${field} = .*nats tool`),
      );
      expect((await jsm.consumers.info(namespace, 'orders')).config).toMatchObject(config);
      await jsm.consumers.delete(namespace, 'orders');
      const { bus, seen } = service();
      await bus.start();
      await waitFor(() => seen.length > 0, { timeoutMs: 15_000, message: 'the event' });
      expect(seen).toEqual([1]);
    },
  );

  it('are looked at again while a service runs: what somebody changed is named', async () => {
    const { jsm, namespace, server } = stage;
    const bus = stage.bus();
    bus.on('x', () => undefined);
    await bus.start();
    const names = new Names(namespace);
    const options = resolveOptions({ connection: server.url, namespace });
    const topology = new Topology(jsm, names, options, () => names.consumers('orders'));
    await topology.ensure();
    await jsm.consumers.update(namespace, 'orders', { max_deliver: 5 });
    await expect(topology.ensure()).rejects.toThrow('max_deliver = 5');
  });

  it('refuse events when they are full, and drop none', async () => {
    const bus = stage.bus({ maxStreamBytes: 2048 });
    const stored: number[] = [];
    let refusal: Error | undefined;
    for (let i = 0; refusal === undefined; i++) {
      await bus.emitAsync('x', 'y'.repeat(200)).then(
        () => stored.push(i),
        (error: Error) => (refusal = error),
      );
    }
    expect(refusal.message).toContain('JetStream refused the event: maximum bytes exceeded');
    expect((await stage.jsm.streams.info(stage.namespace)).state.messages).toBe(stored.length);
  });

  it('lose by trimming what every group has handled, and nothing else', async () => {
    const { jsm, namespace } = stage;
    const quick = stage.bus({ group: 'quick' });
    const slow = stage.bus({ group: 'slow', concurrency: 1 });
    let handled = 0;
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    quick.on('x', () => void handled++);
    let begun = 0;
    slow.on('x', () => (++begun > 3 ? held : undefined));
    await Promise.all([quick.start(), slow.start()]);
    for (let i = 0; i < 10; i++) await quick.emitAsync('x', i);
    await quick.emitAsync('x', 'later', { delayMs: 60_000 });
    await waitFor(() => handled === 10 && begun === 4);
    const floor = async () => (await jsm.consumers.info(namespace, 'slow')).ack_floor.stream_seq;
    await waitFor(async () => (await floor()) === 3);
    await waitFor(async () => (await jsm.consumers.info(namespace, 'quick')).ack_floor.stream_seq >= 10);
    await trim();
    const { state } = await jsm.streams.info(namespace);
    expect({ first: state.first_seq, messages: state.messages }).toEqual({ first: 4, messages: 8 });
    release();
  });

  it('are trimmed around what a process has not acknowledged: somebody else still gets it', async () => {
    const { client, jsm, namespace } = stage;
    const names = new Names(namespace);
    const bus = stage.bus();
    await bus.start(); // which makes the consumers
    await bus.close();
    const producer = stage.bus();
    await producer.emitAsync('x', 'delayed', { delayMs: 600_000 });
    for (let i = 0; i < 10; i++) await producer.emitAsync('x', i);
    for (let i = 0; i < 4; i++) await client.request(names.retry('orders'), 'retry', { timeout: 5000 });
    /** Takes messages as a process does that dies when it has acknowledged some, and lets others wait. */
    const take = async (consumer: string, count: number, acknowledged: number, wait = false) => {
      const reader = await jetstream(client).consumers.get(namespace, consumer);
      let taken = 0;
      for await (const message of await reader.fetch({ max_messages: count, expires: 2000 })) {
        if (taken++ < acknowledged) await message.ackAck();
        else if (wait) message.nak(600_000);
      }
      await client.flush();
      return taken;
    };
    await take('orders', 6, 4);
    await take('orders~retry', 3, 1);
    await take('orders~delayed', 1, 0, true);
    const pending = async () =>
      Promise.all(
        names
          .consumers('orders')
          .map(async ({ name }) => (await jsm.consumers.info(namespace, name)).num_ack_pending),
      );
    expect(await pending()).toEqual([2, 1, 2]);
    await trim();
    await trim();
    expect(await pending()).toEqual([2, 1, 2]);
    const { state } = await jsm.streams.info(namespace);
    expect({ first: state.first_seq, messages: state.messages }).toEqual({ first: 1, messages: 10 });
    await jsm.consumers.update(namespace, 'orders', { ack_wait: 100 * NANOS });
    await jsm.consumers.update(namespace, 'orders~retry', { ack_wait: 100 * NANOS });
    expect(await take('orders', 6, 6)).toBe(6); // two that were not acknowledged, and four that nobody had
    expect(await take('orders~retry', 3, 3)).toBe(3);
  });

  it('tell how much waits, how old it is and that there is a connection', async () => {
    const bus = stage.bus();
    bus.on('x', () => undefined);
    await bus.start();
    await bus.emitAsync('x', 1, { delayMs: 60_000 });
    await waitFor(async () => (await bus.stats()).backend['scheduled'] === 1);
    expect((await bus.stats()).backend).toMatchObject({ queued: 0, pending: 0, stored: 1, connected: 1 });
    expect((await bus.health()).status).toBe('up');
  });

  it('are not needed to say what an option lacks', () => {
    const make = (options: object) => () => new NatsJetStreamBackend({ connection: 'nats://x', ...options });
    expect(make({ leaseMs: 5 })).toThrow("Option 'leaseMs' of NatsJetStreamBackend is 5");
    expect(make({ concurrency: 0 })).toThrow("Option 'concurrency'");
    expect(make({ deduplicationMs: 10 })).toThrow("at least 'publishTimeoutMs' (10000)");
    expect(make({ connection: undefined })).toThrow("needs a 'connection'");
    expect(make({ group: '' })).toThrow("Option 'group'");
  });
});
