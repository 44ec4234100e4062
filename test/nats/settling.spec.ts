import { describe, expect, it } from '@jest/globals';
import { type Msg, headers } from '@nats-io/transport-node';
import type { HandlerContext } from 'nestjs-durable-events';
import { Names } from '../../lib/backends/nats-jetstream/names.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';
import { useNats } from './use-nats.js';

describe('what becomes of a message', () => {
  const stage = useNats();

  /** What clients say about messages, in order. */
  function listen(): string[] {
    const said: string[] = [];
    const callback = (_: Error | null, message: Msg) => void said.push(message.string().split(' ')[0]!);
    stage.client.subscribe(`$JS.ACK.${stage.namespace}.>`, { callback });
    return said;
  }

  it('is stored before it is acknowledged: the retry of the one handler that failed, and no other', async () => {
    const calls: string[] = [];
    const order: string[] = [];
    const { namespace, client } = stage;
    client.subscribe(`${namespace}.retry.>`, { callback: () => void order.push('retry') });
    client.subscribe(`$JS.ACK.${namespace}.orders.>`, {
      callback: (_, message) => void order.push(message.string()),
    });
    await client.flush();
    const bus = stage.bus();
    const call =
      (id: string) =>
      (_: unknown, { attempt }: HandlerContext) => {
        calls.push(`${id} ${attempt}`);
        if (id === 'b' && attempt < 3) throw new Error('not yet');
      };
    for (const id of ['a', 'b', 'c']) bus.on('x', call(id), { id });
    await bus.start();
    await bus.emitAsync('x', 1);
    await waitFor(() => calls.length === 5);
    await bus.idle({ timeoutMs: 5000 });
    expect(calls).toEqual(['a 1', 'b 1', 'c 1', 'b 2', 'b 3']);
    expect(order[0]).toBe('retry');
    expect(order).toContain('+ACK');
  });

  it('is terminated when its dead letter is stored, and not before', async () => {
    const { namespace, client } = stage;
    const order: string[] = [];
    client.subscribe(`${namespace}.dead.>`, { callback: () => void order.push('dead letter') });
    client.subscribe(`$JS.ACK.${namespace}.orders.>`, {
      callback: (_, message) => void order.push(message.string()),
    });
    await client.flush();
    const bus = stage.bus();
    bus.on('x', () => Promise.reject(new Error('never')), { id: 'h', retry: false });
    await bus.start();
    await bus.emitAsync('x', 1);
    await waitFor(async () => (await bus.deadLetters.size()) === 1);
    await bus.idle({ timeoutMs: 5000 });
    expect(order).toEqual(['dead letter', '+TERM']);
  });

  it('is told to the server while a handler works for longer than the lease', async () => {
    const said = listen();
    await stage.client.flush();
    const bus = stage.bus({ leaseMs: 600 });
    let calls = 0;
    bus.on('x', async () => {
      calls++;
      await new Promise((resolve) => setTimeout(resolve, 2000));
    });
    await bus.start();
    await bus.emitAsync('x', 1);
    await waitFor(() => said.includes('+ACK'), { timeoutMs: 10_000 });
    expect(said.filter((word) => word === '+WPI').length).toBeGreaterThanOrEqual(3);
    expect(calls).toBe(1);
  });

  it('is nothing that a process may say whose lease has ended: the server would take its word', async () => {
    const said = listen();
    await stage.client.flush();
    const bus = stage.bus({ leaseMs: 300 });
    let calls = 0;
    bus.on('x', () => {
      if (++calls > 1) return;
      const end = performance.now() + 900;
      while (performance.now() < end); // blocks the process, so that nothing renews the lease
    });
    await bus.start();
    await bus.emitAsync('x', 1);
    await waitFor(() => calls >= 2, { timeoutMs: 10_000 });
    await bus.idle({ timeoutMs: 10_000 });
    expect((await bus.stats()).backend['stale']).toBeGreaterThanOrEqual(1);
    expect(said.filter((word) => word === '+ACK')).toHaveLength(1);
  });

  it('is said for many at once, confirmed by the last, and said again for all over a new connection', async () => {
    const proxy = await startTcpProxy(stage.server.port);
    const said: string[] = [];
    stage.client.subscribe(`$JS.ACK.${stage.namespace}.>`, {
      callback: (_, message) => void said.push(`${message.string()}${message.reply ? '?' : ''}`),
    });
    await stage.client.flush();
    const bus = stage.bus({ connection: `nats://127.0.0.1:${proxy.port}` });
    let begun = 0;
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    bus.on('x', () => (begun++, held));
    await bus.start();
    await bus.emitBatch([1, 2, 3, 4, 5].map((data) => ({ type: 'x', data })));
    await waitFor(() => begun === 5);
    proxy.strand(); // what is said from now on gets lost, and nobody is told
    release();
    await new Promise((resolve) => setImmediate(resolve)); // the handlers end
    await new Promise((resolve) => setImmediate(resolve)); // and it is said
    proxy.cut();
    const pending = async () => (await stage.jsm.consumers.info(stage.namespace, 'orders')).num_ack_pending;
    await waitFor(async () => (await pending()) === 0, { timeoutMs: 10_000 });
    await bus.idle({ timeoutMs: 5000 });
    expect(begun).toBe(5);
    expect(said).toEqual(['+ACK', '+ACK', '+ACK', '+ACK', '+ACK?']);
    await bus.close();
    await proxy.close();
  });

  it('is a dead letter with its bytes when it is no text', async () => {
    const bus = stage.bus();
    bus.on('x', () => undefined);
    await bus.start();
    const bytes = Uint8Array.from([0xff, 0xfe, 0x00]);
    const head = headers();
    head.set('Trace', 'abc');
    stage.client.publish(new Names(stage.namespace).event('x'), bytes, { headers: head });
    const entry = await waitFor(async () => (await bus.deadLetters.list()).entries[0]);
    expect(entry.raw).toEqual({
      body: Buffer.from(bytes).toString('base64'),
      encoding: 'base64',
      headers: { Trace: 'abc' },
    });
  });

  it('is asked for again and again while there are more, without a pause', async () => {
    const total = 5000;
    const bus = stage.bus();
    await bus.emitBatch(Array.from({ length: total }, (_, data) => ({ type: 'x', data })));
    const handled = new Set<unknown>();
    bus.on('x', async ({ data }) => {
      await new Promise((resolve) => setImmediate(resolve));
      handled.add(data);
    });
    await bus.start();
    // A request that is taken for open when it is not costs two seconds and more each time.
    await waitFor(() => handled.size === total, { timeoutMs: 15_000 });
    await bus.idle({ timeoutMs: 10_000 });
    expect(stage.notices).toEqual([]);
  });
});
