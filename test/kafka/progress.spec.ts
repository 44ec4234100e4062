import { describe, expect, it } from '@jest/globals';
import { Progress } from '../../lib/backends/kafka/progress.js';

/** What is left to do after the owner of a partition has changed. */
function handedOver(progress: Progress, over: boolean, upTo: bigint): { left: bigint[]; next: Progress } {
  const next = new Progress(progress.watermark, progress.metadata(over));
  const left: bigint[] = [];
  for (let offset = progress.watermark; offset < upTo; offset++) if (next.take(offset)) left.push(offset);
  return { left, next };
}

function taken(upTo: bigint): Progress {
  const progress = new Progress(0n);
  for (let offset = 0n; offset < upTo; offset++) progress.take(offset);
  progress.pass(upTo);
  return progress;
}

describe('progress of a partition', () => {
  it('is never past what is not done, and tells what behind it is', () => {
    const progress = taken(10n);
    for (const offset of [0n, 1n, 3n, 4n, 5n, 8n]) progress.done(offset);
    expect(progress.watermark).toBe(2n);
    expect(handedOver(progress, true, 10n).left).toEqual([2n, 6n, 7n, 9n]);
    for (const offset of [2n, 7n, 9n]) progress.done(offset);
    expect(progress.watermark).toBe(6n);
    progress.done(6n);
    expect(progress.watermark).toBe(10n);
  });

  it('passes offsets of which no record comes', () => {
    const progress = new Progress(5n);
    progress.pass(9n);
    expect(progress.watermark).toBe(9n);
    progress.take(12n);
    progress.pass(20n);
    expect(progress.watermark).toBe(12n);
    progress.done(12n);
    expect([progress.watermark, progress.next]).toEqual([20n, 20n]);
  });

  it('counts the deaths of its owners, until all is done that may have killed them', () => {
    let progress = taken(4n);
    progress.begin(2n);
    for (const crashes of [1, 2, 3]) {
      const { next } = handedOver(progress, false, 4n);
      next.adopt(4n);
      expect(next.crashes).toBe(crashes);
      expect([next.mayHaveBegun(3n), next.mayHaveBegun(4n)]).toEqual([true, false]);
      progress = next;
    }
    for (let offset = 0n; offset < 4n; offset++) progress.done(offset);
    expect(progress.crashes).toBe(0);
    expect(handedOver(progress, false, 4n).next.crashes).toBe(1);
  });

  it('that was handed over in order counts no death, and tells what may have been begun', () => {
    const progress = taken(6n);
    progress.begin(1n);
    const { next } = handedOver(progress, true, 6n);
    next.adopt(6n);
    expect(next.crashes).toBe(0);
    expect([next.mayHaveBegun(1n), next.mayHaveBegun(2n)]).toEqual([true, false]);
  });

  it('keeps what waits in its place, and what was begun by itself', () => {
    const progress = taken(5n);
    progress.done(0n);
    progress.held.set(3n, 700n);
    progress.begun.set(2n, 4);
    const { next } = handedOver(progress, false, 5n);
    expect([...next.held]).toEqual([[3n, 700n]]);
    expect([...next.begun]).toEqual([[2n, 4]]);
    next.done(3n);
    expect(next.held.size).toBe(0);
  });

  it('fits into what a broker stores beside an offset, whatever is done', () => {
    const progress = taken(20_000n);
    for (let offset = 1n; offset < 20_000n; offset += 2n) progress.done(offset);
    for (let i = 0n; i < 64n; i++) progress.held.set(2n * i, 9_007_199_254_740_000n + i);
    const metadata = progress.metadata(false);
    expect(metadata.length).toBeLessThan(4096);
    // What is left out is done again; nothing is left out that is not done.
    const { left } = handedOver(progress, false, 20_000n);
    for (let offset = 0n; offset < 20_000n; offset += 2n) expect(left).toContain(offset);
  });

  it('that somebody else committed counts from its offset', () => {
    const progress = new Progress(7n, 'not ours');
    expect([progress.watermark, progress.crashes, progress.take(7n)]).toEqual([7n, 0, true]);
  });
});
