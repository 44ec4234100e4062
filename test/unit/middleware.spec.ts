import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  createEvent,
  type EmitMiddleware,
  type Event,
  type EventMiddleware,
  type EventsModuleOptions,
} from 'nestjs-durable-events';
import { closeBuses, startBus } from './buses.js';
import { PlainBackend } from './plain-backend.js';

const busWith = (middleware: EventsModuleOptions['middleware']) => startBus({ middleware });

afterEach(closeBuses);

describe('middleware around handlers', () => {
  const noting =
    (steps: string[], name: string): EventMiddleware =>
    (next) =>
    async (event, context) => {
      steps.push(`${name} before ${context.handlerId} ${context.attempt}`);
      try {
        return await next(event, context);
      } finally {
        steps.push(`${name} after`);
      }
    };

  it('is called for every handler and try, the first outermost', async () => {
    const steps: string[] = [];
    const bus = await busWith([noting(steps, 'outer'), noting(steps, 'inner')]);
    bus.on(
      'x',
      (_, { attempt }) => {
        steps.push('handler');
        if (attempt === 1) throw new Error('once');
      },
      { id: 'h', retry: { initialBackoffMs: 1 } },
    );
    await bus.emitAsync('x');
    await bus.idle({ timeoutMs: 1000 });
    const round = (attempt: number) => [
      `outer before h ${attempt}`,
      `inner before h ${attempt}`,
      'handler',
      'inner after',
      'outer after',
    ];
    expect(steps).toEqual([...round(1), ...round(2)]);
  });

  it('is made once per handler, not per event', async () => {
    let made = 0;
    const bus = await busWith([
      (next) => {
        made++;
        return next;
      },
    ]);
    bus.on('x', () => undefined);
    for (let i = 0; i < 10; i++) await bus.emitSync('x');
    expect(made).toBe(1);
  });

  it('may fail, skip or change what the handler gets', async () => {
    const seen: unknown[] = [];
    const bus = await busWith({
      handle: [
        (next) => (event, context) => {
          if (event.data === 'fail') throw new Error('refused');
          if (event.data === 'skip') return undefined;
          return next(createEvent('y', `changed ${String(event.data)}`), context);
        },
      ],
    });
    bus.on('x', ({ data }) => void seen.push(data));
    await expect(bus.emitSync('x', 'fail')).rejects.toThrow('refused');
    await bus.emitSync('x', 'skip');
    await bus.emitSync('x', 'me');
    expect(seen).toEqual(['changed me']);
  });
});

describe('middleware around emitting', () => {
  it('is told what was called, and wraps all of it', async () => {
    const steps: string[] = [];
    const bus = await busWith({
      emit: [
        (next) => async (event, context) => {
          steps.push(`${context.mode} ${event.type} ${context.options.key}`);
          await next(event, context);
          steps.push('done');
        },
      ],
    });
    bus.on('x', () => void steps.push('handler'));
    await bus.emitSync('x', 1, { key: 'k' });
    await bus.emit('x');
    await bus.emitBatch([{ type: 'nobody' }]);
    await bus.emitAsync('nobody');
    expect(steps).toEqual([
      'emitSync x k',
      'handler',
      'done',
      'emit x undefined',
      'handler',
      'done',
      'emitBatch nobody undefined',
      'done',
      'emitAsync nobody undefined',
      'done',
    ]);
  });

  it.each<[string, EmitMiddleware, string]>([
    ['throws', () => () => Promise.reject(new Error('refused')), 'refused'],
    [
      'does not go on',
      () => async () => undefined,
      'was held back by emit middleware: it did not call next()',
    ],
  ])('that %s keeps the event from everywhere', async (_, middleware, message) => {
    const bus = await busWith({ emit: [middleware] });
    let calls = 0;
    bus.on('x', () => void calls++);
    await expect(bus.emitSync('x')).rejects.toThrow(message);
    await expect(bus.emitAsync('x')).rejects.toThrow(message);
    await expect(bus.emit('x')).rejects.toThrow(message);
    expect(await bus.emitBatch([{ type: 'x' }])).toMatchObject([{ status: 'rejected' }]);
    expect(calls).toBe(0);
    expect((await bus.stats()).published).toBe(0);
  });

  it('that does not wait for the backend does not make an event count as stored', async () => {
    class Slow extends PlainBackend {
      override async publish(event: Event) {
        await delay(5);
        return super.publish(event);
      }
    }
    const emit: EmitMiddleware = (next) => async (event, context) => {
      void next(event, context);
    };
    const bus = await startBus({ backend: new Slow(), middleware: { emit: [emit] } });
    await expect(bus.emitAsync('x')).rejects.toThrow('emit middleware did not wait for next()');
    await bus.idle({ timeoutMs: 1000 });
  });

  it('may pass another event on', async () => {
    const bus = await busWith({
      emit: [(next) => (event, context) => next(createEvent(event.type, 'replaced', { id: 'i' }), context)],
    });
    const seen: unknown[] = [];
    bus.on('x', ({ data }) => void seen.push(data));
    await bus.emitSync('x', 'original');
    expect(await bus.emitAsync('x', 'original')).toMatchObject({ id: 'i' });
    await bus.idle({ timeoutMs: 1000 });
    expect(seen).toEqual(['replaced', 'replaced']);
  });
});
