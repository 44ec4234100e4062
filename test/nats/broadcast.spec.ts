import { describe, expect, it } from '@jest/globals';
import type { EventBus } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { useNats } from './use-nats.js';

describe('broadcast handlers', () => {
  const stage = useNats();

  /** A process with one, and what it was called with. */
  async function listener(handle: (data: unknown) => void = () => undefined) {
    const bus = stage.bus();
    const heard: unknown[] = [];
    const drop = ({ data }: { data: unknown }) => {
      heard.push(data);
      handle(data);
    };
    bus.on('cache.stale', drop, { id: 'drop', broadcast: true });
    await bus.start();
    return { bus, heard };
  }

  const ownConsumers = async () =>
    (await stage.jsm.consumers.list(stage.namespace).next()).filter(({ name }) => name.startsWith('~'));

  it('are retried in the process where they failed, and dead-lettered there', async () => {
    let failures = 0;
    const failing = await listener((data) => {
      if (data === 'once' && ++failures > 1) return;
      throw new Error('not now');
    });
    const sound = await listener();
    await sound.bus.emitAsync('cache.stale', 'once');
    await sound.bus.emitAsync('cache.stale', 'never');
    const [letter] = await waitFor(async () => {
      const { entries } = await sound.bus.deadLetters.list();
      return entries.length > 0 ? entries : undefined;
    });
    expect(letter).toMatchObject({ handlerId: 'drop', event: { data: 'never' } });
    expect(letter!.attempts).toHaveLength(3);
    await waitFor(() => failing.heard.length === 5);
    expect(sound.heard).toEqual(['once', 'never']);
  });

  it('get a delayed event where they are up when it is due, and nothing from before they were', async () => {
    const early = await listener();
    await early.bus.emitAsync('cache.stale', 'past');
    await early.bus.emitAsync('cache.stale', 'later', { delayMs: 1000 });
    await waitFor(() => early.heard.length === 1);
    const late = await listener();
    await waitFor(() => early.heard.length === 2 && late.heard.length === 1);
    const after = await listener();
    await early.bus.emitAsync('cache.stale', 'now');
    await waitFor(() => after.heard.length === 1 && late.heard.length === 2);
    expect([early.heard, late.heard, after.heard]).toEqual([
      ['past', 'later', 'now'],
      ['later', 'now'],
      ['now'],
    ]);
  });

  it('miss nothing when the server has lost what it knew of the process', async () => {
    const { bus, heard } = await listener();
    await bus.emitAsync('cache.stale', 1);
    await waitFor(() => heard.length === 1);
    for (const { name } of await ownConsumers()) await stage.jsm.consumers.delete(stage.namespace, name);
    for (const n of [2, 3]) await bus.emitAsync('cache.stale', n);
    await waitFor(() => heard.length >= 3, { timeoutMs: 20_000 });
    await bus.emitAsync('cache.stale', 4);
    await waitFor(() => heard.length >= 4);
    expect(heard).toEqual([1, 2, 3, 4]);
  });

  it('leave what is no event to the group, which makes one dead letter of it', async () => {
    const { bus, heard } = await listener();
    await bus.emitAsync('cache.stale', 1);
    stage.client.publish(`${stage.namespace}.event.cache.stale`, 'garbage');
    await bus.emitAsync('cache.stale', 2);
    await waitFor(() => heard.length === 2);
    const [letter] = await waitFor(async () => {
      const { entries } = await bus.deadLetters.list();
      return entries.length > 0 ? entries : undefined;
    });
    expect(letter!.attempts).toHaveLength(1);
  });

  it('leave nothing at the server when their process ends', async () => {
    const { bus } = await listener();
    expect(await ownConsumers()).toHaveLength(2);
    await bus.close();
    expect(await ownConsumers()).toEqual([]);
  });
});

describe('a delayed event', () => {
  const stage = useNats();

  async function cancelled(bus: EventBus, delayMs: number): Promise<boolean> {
    const { id } = await bus.emitAsync('later', delayMs, { delayMs });
    return bus.cancel(id);
  }

  it('that is taken back leaves nothing to wait for', async () => {
    const bus = stage.bus();
    bus.on('later', () => undefined);
    await bus.start();
    const pending = async () =>
      (await stage.jsm.consumers.info(stage.namespace, 'orders~delayed')).num_ack_pending;
    const { id } = await bus.emitAsync('later', 1, { delayMs: 60_000 });
    await bus.emitAsync('later', 2, { delayMs: 60_000 });
    await waitFor(async () => (await pending()) === 2);
    expect(await bus.cancel(id)).toBe(true);
    await waitFor(async () => (await pending()) === 1); // and the other one is still there
  });

  it('is left alone when it is nearly due, and when it is that of another service', async () => {
    const bus = stage.bus();
    await bus.start();
    expect(await cancelled(bus, 20)).toBe(false);
    expect(await cancelled(bus, 60_000)).toBe(true);
    await bus.emitAsync('later', 1, { id: 'mine', delayMs: 60_000, source: 'elsewhere' });
    expect(await bus.cancel('mine')).toBe(false);
    await bus.emitAsync('later', 1, { id: 'mine', delayMs: 60_000 });
    expect(await bus.cancel('mine')).toBe(true);
  });
});
