import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { onAbort, pause, realPause } from '../../lib/timer.js';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe.each([
  ['pause', pause],
  ['realPause', realPause],
])('%s', (_, wait) => {
  it('gives a signal one listener, however many wait, and takes it away', async () => {
    const { signal } = new AbortController();
    const waits = Array.from({ length: 50 }, (__, i) => wait(i % 5, signal));
    expect(listeners(signal)).toBe(1);
    await Promise.all(waits);
    expect(listeners(signal)).toBe(0);
    const again = wait(1, signal);
    expect(listeners(signal)).toBe(1);
    await again;
    expect(listeners(signal)).toBe(0);
  });

  it('ends for all of them when the signal aborts, and at once when it has', async () => {
    const controller = new AbortController();
    const waits = Array.from({ length: 50 }, () => wait(600_000, controller.signal));
    controller.abort();
    await Promise.all(waits);
    expect(listeners(controller.signal)).toBe(0);
    await wait(600_000, controller.signal);
  });
});

describe('onAbort', () => {
  it('calls whoever did not call it off, each once', () => {
    const controller = new AbortController();
    const called: number[] = [];
    const [first, , third] = [1, 2, 3].map((n) => onAbort(controller.signal, () => called.push(n)));
    first!();
    first!();
    controller.abort();
    expect(called).toEqual([2, 3]);
    third!();
  });
});
