import { describe, expect, it } from '@jest/globals';
import { Pace } from '../../lib/dead-letters/pace.js';

/** A clock that only moves when somebody waits, and then a little too far, as timers do. */
function lateClock(lateMs: number) {
  const clock = { now: 0, waits: 0 };
  const wait = (ms: number) => {
    clock.now += ms + lateMs;
    clock.waits++;
    return Promise.resolve();
  };
  return { clock, pace: (rate: number) => new Pace(rate, () => clock.now, wait) };
}

describe('a pace', () => {
  it('does not drift, however late its timers are', async () => {
    const { clock, pace } = lateClock(3);
    const steps = pace(100);
    for (let i = 0; i < 1001; i++) await steps.next();
    expect(clock.now).toBeGreaterThanOrEqual(10_000);
    expect(clock.now).toBeLessThan(10_010);
  });

  it('takes the first step at once, and not two', async () => {
    const { clock, pace } = lateClock(0);
    const steps = pace(2);
    await steps.next();
    expect(clock.now).toBe(0);
    await steps.next();
    expect(clock.now).toBe(500);
  });

  it('makes no burst of what a stall left undone', async () => {
    const { clock, pace } = lateClock(0);
    const steps = pace(10);
    await steps.next();
    clock.now += 60_000;
    const times: number[] = [];
    for (let i = 0; i < 4; i++) {
      await steps.next();
      times.push(clock.now - 60_000);
    }
    expect(times).toEqual([0, 100, 200, 300]);
  });

  it('ends its wait when told to', async () => {
    const steps = new Pace(0.001);
    const controller = new AbortController();
    await steps.next(controller.signal);
    const reason = new Error('enough');
    const waiting = steps.next(controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(steps.next(controller.signal)).rejects.toBe(reason);
  });
});
