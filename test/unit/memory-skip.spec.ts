import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { createEventBus, type EventBus, MemoryBackend } from 'nestjs-durable-events';
import { waitFor } from '../support/wait-for.js';

Logger.overrideLogger(false); // the failures below are meant

let bus: EventBus;
afterEach(() => bus.close());

async function start(onFailure: 'block-key' | 'skip', maxRetries = 3): Promise<void> {
  const retry = { maxRetries, initialBackoffMs: 40, backoffMultiplier: 1 };
  bus = createEventBus({ backend: new MemoryBackend(), retry, ordering: { onFailure } });
  await bus.start();
}

describe('events of one key in memory, when one of them fails', () => {
  /** Emits 0 to 4, of which 1 fails twice. Resolves with the calls in their order. */
  async function calls(): Promise<string[]> {
    const seen: string[] = [];
    bus.on('x', ({ data }, { attempt }) => {
      seen.push(`${data as number}.${attempt}`);
      if (data === 1 && attempt < 3) throw new Error('not yet');
    });
    for (let i = 0; i < 5; i++) await bus.emitAsync('x', i, { key: 'k' });
    await bus.idle({ timeoutMs: 5000 });
    return seen;
  }

  it("wait for its retries with 'block-key'", async () => {
    await start('block-key');
    expect(await calls()).toEqual(['0.1', '1.1', '1.2', '1.3', '2.1', '3.1', '4.1']);
  });

  it("go on with 'skip'; the retries come out of order", async () => {
    await start('skip');
    expect(await calls()).toEqual(['0.1', '1.1', '2.1', '3.1', '4.1', '1.2', '1.3']);
  });

  it("stay one at a time and in order with 'skip', whatever is retried meanwhile", async () => {
    await start('skip');
    let running = 0;
    let most = 0;
    const first: number[] = [];
    bus.on('x', async ({ data }, { attempt }) => {
      if (attempt > 1) return;
      most = Math.max(most, ++running);
      first.push(data as number);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      if ((data as number) % 3 === 0) throw new Error('not yet');
    });
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    for (const number of numbers) await bus.emitAsync('x', number, { key: 'k' });
    await bus.idle({ timeoutMs: 10_000 });
    expect(first).toEqual(numbers);
    expect(most).toBe(1);
    expect(await bus.stats()).toMatchObject({ retried: 20 });
  });

  it("go on after a dead letter that is retried, with 'skip' as well", async () => {
    await start('skip', 0);
    let fails = true;
    const seen: unknown[] = [];
    bus.on('x', ({ data }) => {
      seen.push(data);
      if (data === 'bad' && fails) throw new Error('no');
    });
    const { id } = await bus.emitAsync('x', 'bad', { key: 'k' });
    await bus.emitAsync('x', 'good', { key: 'k' });
    await waitFor(async () => (await bus.deadLetters.size()) === 1);
    fails = false;
    await bus.deadLetters.retry({ type: 'x' });
    await bus.emitAsync('x', 'last', { key: 'k' });
    await bus.idle({ timeoutMs: 5000 });
    expect(seen).toEqual(['bad', 'good', 'bad', 'last']);
    const entries = (await bus.deadLetters.list({ status: 'resolved' })).entries;
    expect(entries.map(({ event }) => event.id)).toEqual([id]);
  });
});
