import { describe, expect, it } from '@jest/globals';
import { Lookahead } from '../../lib/backends/shared/lookahead.js';
import { Periodic } from '../../lib/backends/shared/periodic.js';
import { ServerClock } from '../../lib/backends/redis-streams/server-clock.js';
import { waitFor } from '../support/wait-for.js';

describe('Redis Streams: lookahead', () => {
  it('reads nothing ahead before it knows how long handlers take', () => {
    expect(new Lookahead(10).size).toBe(0);
  });

  it('reads about 50 ms of work ahead, up to 500 entries in all', () => {
    const slow = new Lookahead(10);
    slow.ranAsync(1000);
    expect(slow.size).toBe(0);
    const middling = new Lookahead(10);
    middling.ranAsync(20);
    expect(middling.size).toBe(25);
    const fast = new Lookahead(10);
    fast.ranSync(1, 1000);
    expect(fast.size).toBe(490);
    expect(new Lookahead(800).size).toBe(0);
  });

  it('follows handlers that become slow', () => {
    const lookahead = new Lookahead(1);
    lookahead.ranAsync(0.01);
    for (let i = 0; i < 3; i++) lookahead.ranAsync(1000);
    expect(lookahead.size).toBe(0);
  });
});

describe('Redis Streams: clock of the server', () => {
  it('is never ahead of the server, whatever the way of an answer took', () => {
    let local = 1000;
    const clock = new ServerClock(() => local);
    expect(clock.now()).toBe(-Infinity);
    // The server wrote 50,000 and the answer took 30 ms, so the server is at 50,030 by now.
    clock.observe(50_000);
    expect(clock.now()).toBe(50_000);
    local += 70;
    expect(clock.now()).toBe(50_070);
    clock.observe(40_000);
    expect(clock.now()).toBe(40_000);
  });
});

describe('Redis Streams: periodic tasks', () => {
  it('runs again after the time the task asks for, sooner when poked, and not after it was stopped', async () => {
    let runs = 0;
    const task = new Periodic(
      async () => {
        runs++;
        return runs < 3 ? 5 : 60_000;
      },
      1000,
      () => undefined,
    );
    task.poke();
    await waitFor(() => runs === 3);
    task.poke(10);
    await waitFor(() => runs === 4);
    task.poke(0);
    await task.stop();
    const after = runs;
    task.poke(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(runs).toBe(after);
  });

  it('reports a failure and tries again', async () => {
    const errors: string[] = [];
    let runs = 0;
    const task = new Periodic(
      () => (++runs === 1 ? Promise.reject(new Error('first')) : Promise.resolve(60_000)),
      5,
      ({ message }) => errors.push(message),
    );
    task.poke();
    await waitFor(() => runs === 2);
    await task.stop();
    expect(errors).toEqual(['first']);
  });
});
