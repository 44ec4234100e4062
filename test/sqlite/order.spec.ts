import { describe, expect, it } from '@jest/globals';
import type { EventBus } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';
import { useFile } from './use-file.js';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('SQLite: order by key', () => {
  const scene = useFile();

  it('holds across processes that come and go', async () => {
    const keys = Array.from({ length: 8 }, (_, i) => `k${i}`);
    const seen = new Map<string, number[]>();
    const running = new Set<string>();
    const overlaps: string[] = [];
    const start = async (): Promise<EventBus> => {
      const bus = scene().bus({ concurrency: 4 });
      bus.on('step', async ({ key, data }) => {
        if (running.has(key!)) overlaps.push(key!);
        running.add(key!);
        await pause(1);
        running.delete(key!);
        seen.set(key!, [...(seen.get(key!) ?? []), data as number]);
      });
      await bus.start();
      return bus;
    };
    const producer = scene().bus();
    const first = await start();
    await start();
    for (let n = 0; n < 60; n++) {
      await producer.emitBatch(keys.map((key) => ({ type: 'step', data: n, options: { key } })));
      if (n === 20) void first.close();
      if (n === 30) await start();
    }
    await waitFor(() => [...seen.values()].every((list) => list.length >= 60) && seen.size === keys.length, {
      timeoutMs: 15_000,
    });
    for (const key of keys) expect(seen.get(key)).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(overlaps).toEqual([]);
  });

  it.each([
    ['block-key', ['a1 fails', 'a1', 'a2', 'a3']],
    ['skip', ['a1 fails', 'a2', 'a3', 'a1']],
  ] as const)('after a failure: %s', async (onFailure, expected) => {
    const bus = scene().bus({ concurrency: 1 }, { ordering: { onFailure } });
    const handled: string[] = [];
    bus.on(
      'x',
      ({ data }, { attempt }) => {
        if (data !== 'a1' || attempt > 1) return void handled.push(data as string);
        handled.push('a1 fails');
        throw new Error('once');
      },
      { retry: { maxRetries: 1, initialBackoffMs: 150 } },
    );
    for (const data of ['a1', 'a2', 'a3', 'b1']) await bus.emitAsync('x', data, { key: data[0] });
    await bus.start();
    await waitFor(() => handled.length === 5);
    expect(handled.filter((entry) => entry.startsWith('a'))).toEqual(expected);
    // Other keys never wait.
    expect(handled.indexOf('b1')).toBeLessThan(handled.indexOf('a1'));
  });

  it('puts delayed events into line when they are due', async () => {
    const bus = scene().bus();
    const handled: unknown[] = [];
    bus.on('x', ({ data }) => void handled.push(data));
    await bus.emitAsync('x', 'third', { key: 'k', delayMs: 120 });
    await bus.emitAsync('x', 'second', { key: 'k', delayMs: 40 });
    await bus.emitAsync('x', 'first', { key: 'k' });
    await bus.start();
    await waitFor(() => handled.length === 3);
    expect(handled).toEqual(['first', 'second', 'third']);
  });

  it('goes on behind an event that is dead', async () => {
    const bus = scene().bus({}, { retry: false });
    const handled: unknown[] = [];
    bus.on('x', ({ data }) => {
      if (data === 'dead') throw new Error('never');
      handled.push(data);
    });
    await bus.start();
    await bus.emitAsync('x', 'dead', { key: 'k' });
    await bus.emitAsync('x', 'next', { key: 'k' });
    await waitFor(() => handled.length === 1);
    expect(await bus.deadLetters.size()).toBe(1);
  });
});
