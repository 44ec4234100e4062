import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { defineEvent, UnrecoverableError } from 'nestjs-durable-events';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

afterEach(closeBuses);

describe('on', () => {
  it('adds a handler until it is removed', async () => {
    const bus = await startBus();
    const seen: unknown[] = [];
    const end = bus.on('x', ({ data }) => void seen.push(data));
    await bus.emitSync('x', 1);
    end();
    end();
    await bus.emitSync('x', 2);
    expect(seen).toEqual([1]);
    expect(bus.hasHandlers('x')).toBe(false);
  });

  it('takes definitions and classes, whose data it gives back as instances', async () => {
    class Order {
      id!: string;
      label() {
        return `order ${this.id}`;
      }
    }
    const Paid = defineEvent<{ id: string }>('paid');
    const bus = await startBus(new PlainBackend());
    const seen: string[] = [];
    bus.on(Order, ({ data }) => void seen.push(data.label()));
    bus.on(Paid, ({ data }) => void seen.push(`paid ${data.id}`));
    await bus.emitAsync(Order, Object.assign(new Order(), { id: '1' }));
    await bus.emitAsync(Paid, { id: '2' });
    await bus.idle({ timeoutMs: 1000 });
    expect(seen).toEqual(['order 1', 'paid 2']);
  });

  it('refuses an id that is taken', async () => {
    const bus = await startBus();
    bus.on('x', () => undefined, { id: 'me' });
    expect(() => bus.on('y', () => undefined, { id: 'me' })).toThrow("both have the id 'me'");
  });

  it('may add and remove handlers while one runs', async () => {
    const bus = await startBus();
    const steps: string[] = [];
    const end = bus.on('x', () => {
      steps.push('first');
      end();
      bus.on('x', () => void steps.push('added'));
    });
    bus.on('x', () => void steps.push('second'));
    await bus.emitSync('x');
    await bus.emitSync('x');
    expect(steps).toEqual(['first', 'second', 'second', 'added']);
  });
});

describe('once', () => {
  it('ends with the first success', async () => {
    const bus = await startBus();
    const seen: unknown[] = [];
    bus.once('x', ({ data }) => void seen.push(data));
    await bus.emitSync('x', 1);
    await bus.emitSync('x', 2);
    expect(seen).toEqual([1]);
    expect(bus.hasHandlers('x')).toBe(false);
  });

  it('runs once also for events at the same time', async () => {
    const bus = await startBus();
    let calls = 0;
    bus.once('x', async () => {
      calls++;
      await delay(2);
    });
    await Promise.all([bus.emitSync('x'), bus.emitSync('x'), bus.emitAsync('x')]);
    await bus.idle({ timeoutMs: 1000 });
    expect(calls).toBe(1);
  });

  it('stays after a failure, which is retried', async () => {
    const bus = await startBus();
    let calls = 0;
    bus.once(
      'x',
      () => {
        if (++calls < 3) throw new Error('not yet');
      },
      { retry: { initialBackoffMs: 1 } },
    );
    await bus.emitAsync('x');
    await bus.idle({ timeoutMs: 1000 });
    expect(calls).toBe(3);
    expect(bus.hasHandlers('x')).toBe(false);
  });

  it('can be called off', async () => {
    const bus = await startBus();
    const off = bus.once('x', () => Promise.reject(new UnrecoverableError('never')));
    off();
    await expect(bus.emitSync('x')).resolves.toBeUndefined();
  });
});

describe('off', () => {
  it('removes one handler of a pattern, or all', async () => {
    const bus = await startBus();
    const steps: string[] = [];
    const a = () => void steps.push('a');
    const b = () => void steps.push('b');
    bus.on('x.*', a);
    bus.on('x.*', b);
    bus.once('x.*', a);
    bus.off('x.*', a);
    bus.off('y');
    await bus.emitSync('x.y');
    bus.off('x.*');
    await bus.emitSync('x.y');
    expect(steps).toEqual(['b']);
  });
});
