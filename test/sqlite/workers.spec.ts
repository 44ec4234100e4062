import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../support/wait-for.js';
import { useFile } from './use-file.js';

describe('SQLite: workers', () => {
  const scene = useFile();

  it('are given work as soon as one is free, while the others still have long to do', async () => {
    const bus = scene().bus({ concurrency: 4, pollMs: 60_000, leaseMs: 60_000 });
    const running = new Map<unknown, () => void>();
    bus.on('x', ({ data }) => new Promise<void>((resolve) => running.set(data, resolve)));
    for (let i = 0; i < 5; i++) await bus.emitAsync('x', i);
    await bus.start();
    await waitFor(() => running.size === 4);
    await setTimeout(250); // how long the handlers take: nothing is read ahead then
    running.get(0)!();
    await waitFor(() => running.has(4), { message: 'the fifth event to begin' });
    expect([...running.keys()]).toEqual([0, 1, 2, 3, 4]);
    for (const finish of running.values()) finish();
    await bus.idle({ timeoutMs: 5000 });
  });
});
