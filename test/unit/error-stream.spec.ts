import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { EventErrorNotice } from 'nestjs-durable-events';
import { ErrorStream } from '../../lib/error-stream.js';
import { closeBuses, startBus } from './buses.js';

afterEach(closeBuses);

const notice = (message: string): EventErrorNotice => ({
  error: new Error(message),
  action: 'reported',
  at: new Date(),
});

describe('bus.errors', () => {
  it('tells what failed, where, and what comes next', async () => {
    const bus = await startBus();
    const notices: EventErrorNotice[] = [];
    bus.errors.subscribe((each) => void notices.push(each));
    const error = new Error('broken');
    bus.on(
      'x',
      () => {
        throw error;
      },
      { id: 'h', retry: { maxRetries: 1, initialBackoffMs: 3 } },
    );
    await bus.emitAsync('x', 1, { id: 'i' });
    await bus.idle({ timeoutMs: 1000 });
    const common = {
      error,
      handlerId: 'h',
      event: expect.objectContaining({ id: 'i' }),
      at: expect.any(Date),
    };
    expect(notices).toEqual([
      { ...common, attempt: 1, action: 'retry', delayMs: 3 },
      { ...common, attempt: 2, action: 'dead-letter' },
    ]);
  });

  it('ends with the bus', async () => {
    const bus = await startBus();
    let completed = false;
    bus.errors.subscribe({ complete: () => (completed = true) });
    const reading = (async () => {
      for await (const each of bus.errors) throw each.error;
    })();
    await bus.close();
    await reading;
    expect(completed).toBe(true);
  });

  it('tells onError, which may throw', async () => {
    const told: string[] = [];
    const bus = await startBus({
      retry: false,
      onError: ({ error }) => {
        told.push(error.message);
        throw new Error('pager is down');
      },
    });
    bus.on('x', () => {
      throw new Error('broken');
    });
    await bus.emitAsync('x');
    await bus.idle({ timeoutMs: 1000 });
    expect(told).toEqual(['broken']);
    expect(await bus.deadLetters.size()).toBe(1);
  });

  it('is logged, retries as warnings and dead letters as errors', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    try {
      const bus = await startBus();
      bus.on(
        'x',
        () => {
          throw new Error('broken');
        },
        { id: 'h', retry: { maxRetries: 1, initialBackoffMs: 3 } },
      );
      await bus.emitAsync('x', 1, { id: 'i' });
      await bus.idle({ timeoutMs: 1000 });
      expect(warn.mock.calls.map(([line]) => line)).toEqual([
        "retry in 3 ms: event 'x' (i) handler 'h', attempt 1: broken",
      ]);
      expect(error.mock.calls.map(([line]) => line)).toEqual([
        "dead-letter: event 'x' (i) handler 'h', attempt 2: broken",
      ]);
    } finally {
      warn.mockRestore();
      error.mockRestore();
    }
  });
});

describe('the stream', () => {
  it('keeps the newest for a slow reader', async () => {
    const stream = new ErrorStream(3);
    const reader = stream[Symbol.asyncIterator]();
    for (let i = 0; i < 10; i++) stream.notify(notice(String(i)));
    stream.end();
    const read: string[] = [];
    for (let next = await reader.next(); !next.done; next = await reader.next())
      read.push(next.value.error.message);
    expect(read).toEqual(['7', '8', '9']);
  });

  it('answers readers that ask several times at once', async () => {
    const stream = new ErrorStream(10);
    const reader = stream[Symbol.asyncIterator]();
    const asked = [reader.next(), reader.next(), reader.next()];
    stream.notify(notice('a'));
    stream.notify(notice('b'));
    stream.end();
    const answers = await Promise.all(asked);
    expect(answers.map(({ done, value }) => (done ? 'done' : value.error.message))).toEqual([
      'a',
      'b',
      'done',
    ]);
  });

  it('keeps nothing for a reader that has left', async () => {
    const stream = new ErrorStream(10);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { error } of stream) {
        seen.push(error.message);
        break;
      }
    })();
    stream.notify(notice('a'));
    await reading;
    stream.notify(notice('b'));
    expect(seen).toEqual(['a']);
  });
});
