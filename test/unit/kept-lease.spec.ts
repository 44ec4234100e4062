import { expect, it } from '@jest/globals';
import { KeptLease } from '../../lib/store/kept-lease.js';
import { pause } from '../../lib/timer.js';

it('a lease that is released while its renewal is under way leaves no timer behind', async () => {
  let answer!: () => void;
  let ended = 0;
  const leaseMs = 60;
  const over = new AbortController();
  const asked = new Promise<void>((resolve) => {
    const lease = {
      name: 'reader',
      checkpoint: {},
      save: () => Promise.resolve(),
      renew: () => {
        resolve();
        return new Promise<void>((renewed) => (answer = renewed));
      },
      release: () => Promise.resolve(),
    };
    const kept = new KeptLease(
      lease,
      leaseMs,
      performance.now(),
      () => ended++,
      () => undefined,
    );
    void kept.keep(over.signal);
    over.signal.addEventListener('abort', () => void kept.release());
  });
  await asked;
  over.abort();
  answer();
  await pause(2 * leaseMs);
  expect(ended).toBe(0);
});
