import { describe, expect, it } from '@jest/globals';
import type { HandlerAttempt, SerializedError } from 'nestjs-durable-events';
import { boundedHistory } from '../../lib/dead-letters/history.js';
import { serializeError } from '../../lib/dispatch/serialize-error.js';

describe('an error in a dead letter', () => {
  it('has its name, message, stack and code', () => {
    const error = Object.assign(new TypeError('no'), { code: 'E_NO' });
    expect(serializeError(error)).toEqual({
      name: 'TypeError',
      message: 'no',
      code: 'E_NO',
      stack: error.stack,
    });
  });

  it('has what caused it, five deep', () => {
    let error = new Error('root');
    for (let i = 1; i <= 8; i++) error = new Error(`level ${i}`, { cause: error });
    const messages: string[] = [];
    for (let at: SerializedError | undefined = serializeError(error); at; at = at.cause)
      messages.push(at.message);
    expect(messages).toEqual(['level 8', 'level 7', 'level 6', 'level 5', 'level 4', 'level 3']);
  });

  it('ends where an error caused itself', () => {
    const one = new Error('one');
    const two = new Error('two', { cause: one });
    one.cause = two;
    expect(serializeError(one)).toMatchObject({ message: 'one', cause: { message: 'two' } });
    expect(serializeError(one).cause).not.toHaveProperty('cause');
  });

  it('has the first three errors of an AggregateError, with their causes', () => {
    const errors = [1, 2, 3, 4].map((n) => new Error(`replica ${n}`, { cause: new Error(`socket ${n}`) }));
    const { errors: kept } = serializeError(new AggregateError(['text', ...errors], 'all failed'));
    expect(kept?.map(({ message, cause }) => [message, cause?.message])).toEqual([
      ['replica 1', 'socket 1'],
      ['replica 2', 'socket 2'],
      ['replica 3', 'socket 3'],
    ]);
  });

  it('is bounded, whatever it holds', () => {
    const huge = (text: string, cause?: Error) => {
      const error = new Error(text.repeat(1_000_000), { cause });
      error.name = 'N'.repeat(10_000);
      return error;
    };
    const inner = new AggregateError([huge('a'), huge('b'), huge('c')], 'm'.repeat(100_000));
    const written = JSON.stringify(serializeError(huge('x', huge('y', inner))));
    expect(written.length).toBeLessThan(17_000);
    expect(JSON.parse(written)).toMatchObject({ cause: { message: expect.stringMatching(/^y+$/) } });
  });

  it('is Unicode, also where a text was cut in the middle of a character', () => {
    const error = new Error('\u{1F600}'.repeat(5000) + '\uD800');
    error.message = 'a' + error.message;
    expect(JSON.stringify(serializeError(error))).not.toMatch(/\\ud[89a-f]/);
  });

  it('survives fields that are no text, or throw', () => {
    const error = new Error('x');
    Object.defineProperty(error, 'name', { value: 7 });
    Object.defineProperty(error, 'code', { value: { deep: 1 } });
    Object.defineProperty(error, 'message', {
      get: () => {
        throw new Error('gotcha');
      },
    });
    expect(serializeError(error)).toMatchObject({
      name: 'Error',
      message: '(reading the message of this error threw another one)',
    });
  });
});

describe('the history of an entry', () => {
  const attempt = (at: number, size: number): HandlerAttempt => ({
    at,
    durationMs: 1,
    error: { name: 'Error', message: `try ${at}`, stack: 's'.repeat(size) },
  });

  it('stays as it is while it is short', () => {
    const attempts = [1, 2, 3].map((at) => attempt(at, 8000));
    expect(boundedHistory(attempts)).toBe(attempts);
  });

  it('keeps the first and the latest whole, and cuts down the others from the oldest on', () => {
    const bounded = boundedHistory([1, 2, 3, 4, 5, 6, 7, 8].map((at) => attempt(at, 10_000)));
    expect(bounded.map(({ at }) => at)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(bounded.map(({ error }) => error.stack !== undefined)).toEqual([
      true,
      false,
      false,
      false,
      false,
      true,
      true,
      true,
    ]);
  });

  it('leaves out what does not fit however short, and stays so when more is added', () => {
    let attempts: readonly HandlerAttempt[] = [];
    for (let at = 1; at <= 2000; at++) attempts = boundedHistory([...attempts, attempt(at, 8000)]);
    expect(JSON.stringify(attempts).length).toBeLessThan(60_000);
    expect(attempts[0]).toEqual(attempt(1, 8000));
    expect(attempts.at(-1)).toEqual(attempt(2000, 8000));
    const times = attempts.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times.length).toBeGreaterThan(50);
  });
});
